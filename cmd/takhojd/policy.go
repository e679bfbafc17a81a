package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"takhojd/rules"
)

func policyCommand() *cobra.Command {
	c := &cobra.Command{Use: "policy", Short: "The policy file"}
	c.AddCommand(&cobra.Command{
		Use:   "test [FILE]",
		Short: "Try a policy file on its own examples",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			p, err := rules.Default()
			if len(args) == 1 {
				p, err = rules.LoadFile(args[0])
			}
			if err != nil {
				return err
			}
			failures := p.Test()
			for _, f := range failures {
				fmt.Fprintln(c.OutOrStdout(), f)
			}
			if len(failures) > 0 {
				fmt.Fprintf(c.OutOrStdout(), "%d examples fail.\n", len(failures))
				return errFailed
			}
			fmt.Fprintf(c.OutOrStdout(), "Policy %s: every example holds.\n", p.Version())
			return nil
		},
	})
	return c
}
