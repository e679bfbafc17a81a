package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/term"

	"takhojd/platforms"
	"takhojd/rules"
)

// question is one thing that connect must be told.
type question struct {
	// key names the answer on standard input.
	key   string
	words rules.Words
	// secret is not shown while it is written. offer is the answer when none is given; needed refuses an empty one.
	secret, needed bool
	offer          string
	check          func(string) error
}

// asker answers questions: a person at a terminal, or lines on standard input.
type asker interface {
	ask(context.Context, question) (string, error)
}

// errNoAnswer is when the one who is asked has gone.
var errNoAnswer = errors.New("no answer, so nothing is changed")

// reasonable tells what is wrong with an answer. It never repeats the answer.
func (q question) reasonable(answer string) error {
	switch {
	case answer == "" && q.needed:
		return fmt.Errorf("%s: an answer is needed", q.key)
	case len(answer) > 4096 || strings.ContainsFunc(answer, func(r rune) bool { return r < ' ' || r == 0x7f }):
		return fmt.Errorf("%s: the answer must be one line", q.key)
	case answer != "" && q.check != nil:
		if err := q.check(answer); err != nil {
			return fmt.Errorf("%s: %w", q.key, err)
		}
	}
	return nil
}

// person is somebody who is asked question by question.
type person struct {
	in       *bufio.Reader
	terminal int // the terminal's descriptor, or -1
	out      io.Writer
	language string
}

func newPerson(in io.Reader, out io.Writer, language string) *person {
	p := &person{in: bufio.NewReader(in), terminal: -1, out: out, language: language}
	if f, ok := in.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		p.terminal = int(f.Fd())
	}
	return p
}

// ask asks until the answer will do.
func (p *person) ask(ctx context.Context, q question) (string, error) {
	for {
		fmt.Fprintf(p.out, "\n%s\n", q.words.In(p.language))
		switch hidden := (rules.Words{SV: "det du skriver syns inte", EN: "what you write is not shown"}); {
		case q.secret && p.terminal >= 0:
			fmt.Fprintf(p.out, "%s (%s): ", q.key, hidden.In(p.language))
		case q.offer != "" && !q.secret:
			fmt.Fprintf(p.out, "%s [%s]: ", q.key, q.offer)
		default:
			fmt.Fprintf(p.out, "%s: ", q.key)
		}
		answer, err := p.line(ctx, q.secret)
		if err != nil {
			return "", err
		}
		if answer == "" {
			answer = q.offer
		}
		if err := q.reasonable(answer); err != nil {
			fmt.Fprintln(p.out, err)
			continue
		}
		return answer, nil
	}
}

// line reads a line. When ctx is cancelled meanwhile, the terminal is put back as it was.
func (p *person) line(ctx context.Context, secret bool) (string, error) {
	type answer struct {
		text string
		err  error
	}
	got := make(chan answer, 1)
	var before *term.State
	if secret && p.terminal >= 0 {
		before, _ = term.GetState(p.terminal)
	}
	go func() {
		if secret && p.terminal >= 0 {
			b, err := term.ReadPassword(p.terminal)
			fmt.Fprintln(p.out)
			got <- answer{string(b), err}
			return
		}
		text, err := p.in.ReadString('\n')
		if text != "" && errors.Is(err, io.EOF) {
			err = nil
		}
		got <- answer{text, err}
	}()
	select {
	case a := <-got:
		if a.err != nil {
			return "", errNoAnswer
		}
		return strings.TrimSpace(a.text), nil
	case <-ctx.Done():
		if before != nil {
			_ = term.Restore(p.terminal, before)
		}
		return "", errNoAnswer
	}
}

// answers are lines of key=value, for scripts.
type answers map[string]string

// readAnswers reads lines of key=value. Errors name lines by their number, never by what they hold.
func readAnswers(in io.Reader) (answers, error) {
	a := answers{}
	n := 0
	lines := bufio.NewScanner(io.LimitReader(in, 1<<20))
	for lines.Scan() {
		n++
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		key, answer, ok := strings.Cut(line, "=")
		if !ok {
			return nil, fmt.Errorf("standard input, line %d: want key=value", n)
		}
		key = strings.TrimSpace(key)
		if _, twice := a[key]; twice {
			return nil, fmt.Errorf("standard input, line %d: %s is told twice", n, key)
		}
		if !slices.Contains(answerKeys, key) {
			return nil, fmt.Errorf("standard input, line %d: there is no such key: there are %s", n, strings.Join(answerKeys, ", "))
		}
		a[key] = strings.TrimSpace(answer)
	}
	return a, lines.Err()
}

func (a answers) ask(_ context.Context, q question) (string, error) {
	answer, told := a[q.key]
	if !told || answer == "" {
		answer = q.offer
	}
	if err := q.reasonable(answer); err != nil {
		return "", fmt.Errorf("standard input: %w", err)
	}
	return answer, nil
}

// answerKeys are the keys of all questions.
var answerKeys = []string{"authority", "origin", "id", "account", "name", "purpose", "owner", "response_target", "reviewed", "app_id", "app_secret",
	"verify_token", "consumer_key", "consumer_secret", "bearer", "token", "token_secret"}

// Checks of answers.
func digits(s string) error {
	if len(s) > 40 || strings.Trim(s, "0123456789") != "" {
		return errors.New("it is a number, and no name")
	}
	return nil
}

func did(s string) error {
	if !strings.HasPrefix(s, "did:") || strings.ContainsAny(s, " /") {
		return errors.New("it begins with \"did:\", as did:plc:ewvi7nxzyoun6zhxrhs64oiz does")
	}
	return nil
}

func channelName(s string) error {
	if strings.ContainsAny(s, " /") {
		return errors.New("it must not hold spaces or slashes")
	}
	return nil
}

func span(s string) error { return new(Duration).UnmarshalYAML([]byte(s)) }

func date(s string) error {
	if _, err := time.Parse(time.DateOnly, s); err != nil {
		return errors.New("write a date like 2026-05-01")
	}
	return nil
}

const metaScopes = "pages_show_list, pages_read_engagement, pages_read_user_content, pages_manage_engagement, pages_manage_metadata, pages_messaging"

// The questions that every platform has.
var (
	askAuthority = question{key: "authority", needed: true, words: rules.Words{SV: "Vems handlingar är det? Myndighetens namn.", EN: "Whose records are these? The authority's name."}}
	askOrigin    = question{key: "origin", needed: true, check: channelName, words: rules.Words{
		SV: "Loggens namn. Ett domännamn som bara ni har, till exempel takhojd.regionstockholm.se. Det väljs en gång.",
		EN: "The log's name. A domain name that is yours alone, such as takhojd.regionstockholm.se. It is chosen once."}}
	askID = question{key: "id", needed: true, check: channelName, words: rules.Words{
		SV: "Kanalens namn i alla handlingar. Det väljs en gång. Skriv namnet på en kanal som finns för att förnya dess nyckel.",
		EN: "The channel's name in every record. It is chosen once. Write the name of a channel that is there to renew its token."}}
	askName    = question{key: "name", words: rules.Words{SV: "Vad kanalen kallas i konsolen.", EN: "What the channel is called in the console."}}
	askPurpose = question{key: "purpose", words: rules.Words{SV: "Vad är kanalen till för? (riktlinjerna 2.2)", EN: "What is the channel for? (guidelines 2.2)"}}
	askOwner   = question{key: "owner", words: rules.Words{SV: "Vem ansvarar för kanalen?", EN: "Who answers for the channel?"}}
	askTarget  = question{key: "response_target", offer: "4h", check: span, words: rules.Words{SV: "Hur snart svarar ni? Skriv 4h eller 2d.", EN: "How soon do you answer? Write 4h or 2d."}}
	askReview  = question{key: "reviewed", check: date, words: rules.Words{
		SV: "När granskades kanalen senast mot lagar och riktlinjer? Skriv dagen, till exempel 2026-05-01. Lämna tomt om det inte är gjort.",
		EN: "When was the channel last reviewed against law and guidelines? Write the day, such as 2026-05-01. Leave it empty if it was not."}}
)

// askAccount and askToken are what each platform calls its accounts and their tokens, and where they are found.
var (
	askAccount = map[platforms.Platform]question{
		platforms.Facebook: {key: "account", needed: true, check: digits, words: rules.Words{
			SV: "Sidans id, ett tal.", EN: "The page's id, a number."}},
		platforms.Instagram: {key: "account", needed: true, check: digits, words: rules.Words{
			SV: "Instagramkontots id, ett tal. Du får det av Graph API med GET /{sidan}?fields=instagram_business_account, för sidan som kontot är kopplat till.",
			EN: "The Instagram account's id, a number. The Graph API gives it for GET /{page}?fields=instagram_business_account, of the page that the account is connected to."}},
		platforms.X: {key: "account", needed: true, check: digits, words: rules.Words{
			SV: "Kontots id, ett tal. X API ger det med GET /2/users/by/username/NAMNET.",
			EN: "The account's id, a number. X's API gives it for GET /2/users/by/username/NAME."}},
		platforms.Bluesky: {key: "account", needed: true, check: did, words: rules.Words{
			SV: "Kontots DID. Öppna https://bsky.social/xrpc/com.atproto.identity.resolveHandle?handle= följt av kontots namn, och läs det efter \"did\".",
			EN: "The account's DID. Open https://bsky.social/xrpc/com.atproto.identity.resolveHandle?handle= and the account's handle, and read what is after \"did\"."}},
	}
	askToken = map[platforms.Platform]question{
		platforms.Facebook: {key: "token", secret: true, needed: true, words: rules.Words{
			SV: "Sidans egen åtkomstnyckel. Skapa en systemanvändare i företagsportföljen, ge den sidan med uppgiften Moderera, och skapa en nyckel för appen med\n" +
				metaScopes + ".\nHämta sedan sidans nyckel med GET /{sidan}?fields=access_token. En användares nyckel duger inte: med den ser allt tomt ut.",
			EN: "The page's own access token. Make a system user in the business portfolio, give it the page with the task Moderate, and generate a token for the app with\n" +
				metaScopes + ".\nThen get the page's token with GET /{page}?fields=access_token. A user's token will not do: with it everything looks empty."}},
		platforms.Instagram: {key: "token", secret: true, needed: true, words: rules.Words{
			SV: "Åtkomstnyckeln för sidan som kontot är kopplat till. Utöver sidans behörigheter behöver den instagram_basic och instagram_manage_comments.",
			EN: "The access token of the page that the account is connected to. Beyond the page's permissions it takes instagram_basic and instagram_manage_comments."}},
		platforms.X: {key: "token", secret: true, needed: true, words: rules.Words{
			SV: "Kontots åtkomstnyckel (access token). Ge först appen Read and write i X utvecklarportal, inloggad som kontot, och skapa nyckeln sedan under Keys and tokens.",
			EN: "The account's access token. First give the app Read and write in X's developer portal, signed in as the account; then make the token under Keys and tokens."}},
		platforms.Bluesky: {key: "token", secret: true, needed: true, words: rules.Words{
			SV: "Ett applösenord. Skapa det i Bluesky, inloggad som kontot: Inställningar, Integritet och säkerhet, Applösenord. Ge det inte tillgång till direktmeddelanden.",
			EN: "An app password. Make it in Bluesky, signed in as the account: Settings, Privacy and security, App passwords. Give it no access to direct messages."}},
	}
	askHalf = question{key: "token_secret", secret: true, needed: true, words: rules.Words{
		SV: "Åtkomstnyckelns hemlighet (access token secret). Den visas tillsammans med nyckeln.", EN: "The access token's secret. It is shown together with the token."}}
)

// The questions about an app.
var (
	askAppID = question{key: "app_id", needed: true, check: digits, words: rules.Words{
		SV: "Appens id. Det står på appens sida på developers.facebook.com. Finns ingen app: skapa en där, i myndighetens företagsportfölj.",
		EN: "The app's id. It stands on the app's page at developers.facebook.com. Without an app: make one there, in the authority's business portfolio."}}
	askAppSecret = question{key: "app_secret", secret: true, needed: true, words: rules.Words{
		SV: "Appens hemlighet. Den står bland appens grundinställningar på developers.facebook.com.",
		EN: "The app's secret. It stands among the app's basic settings at developers.facebook.com."}}
	askVerify = question{key: "verify_token", secret: true, words: rules.Words{
		SV: "Webhookens verifieringsnyckel, som du väljer själv. Lämna tomt så görs en.",
		EN: "The webhook's verify token, which you choose yourself. Leave it empty and one is made."}}
	askConsumerKey = question{key: "consumer_key", secret: true, needed: true, words: rules.Words{
		SV: "Appens nyckel (API key). Den står i X utvecklarportal, under appens Keys and tokens.",
		EN: "The app's API key. It stands in X's developer portal, under the app's Keys and tokens."}}
	askConsumerSecret = question{key: "consumer_secret", secret: true, needed: true, words: rules.Words{
		SV: "Appens hemlighet (API key secret), på samma sida.", EN: "The app's API key secret, on the same page."}}
	askBearer = question{key: "bearer", secret: true, words: rules.Words{
		SV: "Appens bearer-nyckel, på samma sida. Med den kommer kommentarer genast. Lämna tomt om planen saknar det, så hämtas de i stället.",
		EN: "The app's bearer token, on the same page. With it comments come at once. Leave it empty if the plan lacks that; then they are fetched."}}
)
