package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"takhojd/moderation/console"
)

func userCommand() *cobra.Command {
	var at dataFlags
	c := &cobra.Command{Use: "user", Short: "Accounts of the console"}
	at.add(c)
	c.AddCommand(userAdd(&at), userPassword(&at), userDisable(&at), userList(&at))
	return c
}

// accounts opens the accounts. Unlike the archive's commands, `user add` comes before the first start: it makes the books of --config.
func (d *dataFlags) accounts(ctx context.Context, fn func(*console.Accounts) error) error {
	if d.config != "" && d.data == "" {
		at, err := d.place()
		if err != nil {
			return err
		}
		if at.missing() {
			b, err := openBooks(ctx, at)
			if err != nil {
				return err
			}
			return errors.Join(fn(console.NewAccounts(b.db)), b.db.Close())
		}
	}
	return d.with(ctx, func(b *books) error { return fn(console.NewAccounts(b.db)) })
}

func userAdd(at *dataFlags) *cobra.Command {
	var role, display string
	var stdin bool
	c := &cobra.Command{
		Use:   "add NAME --role moderator|archivist|admin",
		Short: "Make an account; its password is made and printed once, or read from standard input",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if display == "" {
				display = args[0]
			}
			password, err := newPassword(c.InOrStdin(), stdin)
			if err != nil {
				return err
			}
			if err := at.accounts(c.Context(), func(a *console.Accounts) error {
				return a.Add(c.Context(), args[0], display, console.Role(role), password)
			}); err != nil {
				return err
			}
			return tellPassword(c.OutOrStdout(), args[0], password, stdin)
		},
	}
	c.Flags().StringVar(&role, "role", "", "moderator, archivist or admin")
	c.Flags().StringVar(&display, "display", "", "the name that colleagues see")
	c.Flags().BoolVar(&stdin, "password-stdin", false, "read the password from standard input")
	_ = c.MarkFlagRequired("role")
	return c
}

func userPassword(at *dataFlags) *cobra.Command {
	var stdin bool
	c := &cobra.Command{
		Use:   "password NAME",
		Short: "Give an account a new password, and log it out everywhere",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			password, err := newPassword(c.InOrStdin(), stdin)
			if err != nil {
				return err
			}
			if err := at.accounts(c.Context(), func(a *console.Accounts) error {
				return a.SetPassword(c.Context(), args[0], password)
			}); err != nil {
				return err
			}
			return tellPassword(c.OutOrStdout(), args[0], password, stdin)
		},
	}
	c.Flags().BoolVar(&stdin, "password-stdin", false, "read the password from standard input")
	return c
}

func userDisable(at *dataFlags) *cobra.Command {
	return &cobra.Command{
		Use:   "disable NAME",
		Short: "Close an account, and log it out everywhere; what it decided stays",
		Args:  cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return at.accounts(c.Context(), func(a *console.Accounts) error { return a.Disable(c.Context(), args[0]) })
		},
	}
}

func userList(at *dataFlags) *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the accounts",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return at.accounts(c.Context(), func(a *console.Accounts) error {
				found, err := a.List(c.Context())
				if err != nil {
					return err
				}
				w := tabwriter.NewWriter(c.OutOrStdout(), 0, 4, 2, ' ', 0)
				fmt.Fprintln(w, "NAME\tROLE\tDISPLAY\tSTATE")
				for _, u := range found {
					state := "open"
					if !u.Disabled.IsZero() {
						state = "closed"
					}
					fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", u.Name, u.Role, u.Display, state)
				}
				return w.Flush()
			})
		},
	}
}

// newPassword reads one line, or makes a password of 26 characters, 130 bits.
func newPassword(stdin io.Reader, read bool) (string, error) {
	if !read {
		return rand.Text(), nil
	}
	line, err := bufio.NewReader(stdin).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("read the password: %w", err)
	}
	return strings.TrimRight(line, "\r\n"), nil
}

// tellPassword prints a password that was made. It is shown this once, and is kept by nobody.
func tellPassword(w io.Writer, name, password string, read bool) error {
	if read {
		_, err := fmt.Fprintf(w, "%s may log in.\n", name)
		return err
	}
	_, err := fmt.Fprintf(w, "%s may log in with the password %s (shown this once)\n", name, password)
	return err
}
