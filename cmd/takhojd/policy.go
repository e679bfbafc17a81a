package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"takhojd/rules"
)

func policyCommand() *cobra.Command {
	c := &cobra.Command{Use: "policy", Short: "The policy file"}
	c.AddCommand(policyTest(), policyLint())
	return c
}

// draft loads the policy file that is worked on, whether or not its examples hold; without a name the built-in one.
func draft(args []string) (*rules.Policy, error) {
	if len(args) == 0 {
		return rules.Default()
	}
	return rules.LoadFile(args[0])
}

func policyTest() *cobra.Command {
	return &cobra.Command{
		Use:   "test [FILE]",
		Short: "Try a policy file on its own examples",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			p, err := draft(args)
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
	}
}

func policyLint() *cobra.Command {
	var english bool
	c := &cobra.Command{
		Use:   "lint [FILE]",
		Short: "What in a policy file is no error, and yet is hardly meant so",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			p, err := draft(args)
			if err != nil {
				return err
			}
			language, sum := "sv", "Regelverk %s: %d påpekanden.\n"
			if english {
				language, sum = "en", "Policy %s: %d hints.\n"
			}
			hints := p.Lint()
			for _, h := range hints {
				fmt.Fprintf(c.OutOrStdout(), "%s: %s\n", h.Where, h.Text.In(language))
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), sum, p.Version(), len(hints))
			return err // hints are no errors: what is right for a policy, its editor knows best
		},
	}
	c.Flags().BoolVar(&english, "en", false, "in English")
	return c
}
