// Command takhojd moderates the comments on a public authority's social media by its published policy: it hides what is clearly
// against it, puts what is doubtful before people, and keeps a public record of all that is removed.
//
//	takhojd demo        everything at once on one machine, with a simulated platform
//	takhojd serve       the bot and its console, as it runs for an authority
//	takhojd simulate    the simulated platform alone
//	takhojd user        accounts of the console
//	takhojd archive     list, show, verify and export the archive
//	takhojd check       what the policy says of a text
//	takhojd policy      test and lint the policy file
//	takhojd backtest    what another policy would have done with the comments that came
//	takhojd learn       train the second reader anew, and measure it
//	takhojd migrate     move the books to another database
//	takhojd backup      copy everything, while it runs; restore puts it back
//	takhojd nodes       which processes serve the books, and by which policy
//	takhojd doctor      is everything as it must be?
//	takhojd health      is the one that runs here ready?
//	takhojd notify      try whether people are told
//	takhojd load        drive an installation at a rate, and tell how long it takes
//	takhojd connect     connect a channel, or renew its token
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	_ "time/tzdata" // the authority's midnight must be known on machines without a zone database

	"github.com/spf13/cobra"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// errFailed says that what was asked for was done, and that the answer is no: it is printed already.
var errFailed = errors.New("failed")

// run is the program: 0 when all is well, 1 when it is not, 2 when it was not understood.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	root := &cobra.Command{
		Use:           "takhojd",
		Short:         "Moderates comments for public authorities: hides what is clear, flags what is not, loses nothing",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	root.SetArgs(args)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	root.AddCommand(demoCommand(), serveCommand(), simulateCommand(), userCommand(), archiveCommand(), checkCommand(), policyCommand(),
		backtestCommand(), learnCommand(), migrateCommand(), backupCommand(), restoreCommand(), nodesCommand(), doctorCommand(), healthCommand(), notifyCommand(), connectCommand(), loadCommand())
	err := root.ExecuteContext(ctx)
	var usage usageError
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errFailed):
		return 1
	case errors.As(err, &usage):
		fmt.Fprintf(stderr, "takhojd: %v\n", err)
		return 2
	}
	fmt.Fprintf(stderr, "takhojd: %v\n", err)
	return 1
}

type usageError struct{ error }

// newLog writes one JSON line an event to w.
func newLog(w io.Writer, level string) (*zap.Logger, error) {
	parsed, err := zapcore.ParseLevel(level)
	if err != nil {
		return nil, fmt.Errorf("log level %q: want debug, info, warn or error", level)
	}
	encoder := zap.NewProductionEncoderConfig()
	encoder.EncodeTime = zapcore.RFC3339NanoTimeEncoder
	encoder.EncodeDuration = zapcore.StringDurationEncoder
	return zap.New(zapcore.NewCore(zapcore.NewJSONEncoder(encoder), zapcore.Lock(zapcore.AddSync(w)), parsed)), nil
}
