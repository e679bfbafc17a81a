package main

import (
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"takhojd/moderation"
)

func nodesCommand() *cobra.Command {
	var at dataFlags
	c := &cobra.Command{
		Use:   "nodes --config FILE",
		Short: "Which processes serve these books, by which policy, and which channels are with each",
		Args:  cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return at.with(c.Context(), func(b *books) error {
				nodes, err := moderation.Nodes(c.Context(), b.db)
				if err != nil {
					return err
				}
				w := tabwriter.NewWriter(c.OutOrStdout(), 0, 0, 2, ' ', 0)
				fmt.Fprintln(w, "node\troles\tpolicy\tseen\tchannels")
				policies := map[string]bool{}
				for _, n := range nodes {
					policies[n.Policy] = true
					fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", n.Name, n.Roles, n.Policy, n.Seen.Format(time.RFC3339), strings.Join(n.Channels, " "))
				}
				if err := w.Flush(); err != nil {
					return err
				}
				if len(policies) > 1 {
					fmt.Fprintf(c.OutOrStdout(), "\nNOT the same policy everywhere: give all the same policy file.\n")
					return errFailed
				}
				return nil
			})
		},
	}
	at.add(c)
	return c
}
