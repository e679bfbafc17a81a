// Package console is the web pages by which people do their part: the team reviews what is flagged, the archivist finds what was
// removed, and both see how it goes.
//
// The path through it: [New] makes a [Server] over a [Desk] (moderation) and [Records] (the archive); a request passes
// the headers, the cross-origin check and the session, and then the table of routes, which says who may do what; a handler
// reads the desk, and a template in the visitor's language writes the page. A decision is a plain form, sent to
// moderation like any other; the console decides nothing by itself and keeps nothing but accounts and sessions.
//
// What it promises: every page and button works without JavaScript; the small script only adds keys, live counts and swapping the page
// in place. Nothing inline, nothing from elsewhere. No comment's text and no author's name goes to the log.
package console

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	_ "time/tzdata" // Stockholm's clock, also on a machine without a time zone database

	"github.com/alexedwards/scs/v2"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"takhojd/archive"
	"takhojd/moderation"
	"takhojd/moderation/picture"
	"takhojd/moderation/store"
)

// Config is what a console is made of. All fields are needed, save where said.
type Config struct {
	// DB keeps accounts and sessions.
	DB      *store.DB
	Desk    Desk
	Records Records
	// Disposal is how records are disposed of by two people; nil: not from here.
	Disposal Disposal
	Log      *zap.Logger
	// Metrics is where the console's metrics are registered; nil: nowhere.
	Metrics prometheus.Registerer
	// Secure says that TLS stands in front, ended by a proxy that appends the client to X-Forwarded-For. Cookies are then for
	// https only, and the proxy's word tells where a login comes from.
	Secure bool
	// PublicURL is where browsers find the console ("https://moderering.example.se"); empty when they reach it as it listens.
	PublicURL string
}

// Server is the console. Its handler may serve any number of requests at once.
type Server struct {
	desk     Desk
	records  Records
	disposal Disposal
	log      *zap.Logger
	accounts *Accounts
	sessions *scs.SessionManager
	pages    map[string]*pages // by language
	metrics  metrics
	secure   bool
	origin   string
	now      func() time.Time
	zone     *time.Location
	check    verification
	// proposals are those of disposal that are being worked on here.
	proposals working
	drawings  drawings

	ctx  context.Context // ends with Close: what outlives a request (event streams, a verification) ends by it
	stop context.CancelFunc
	work sync.WaitGroup
}

// New makes a console. Templates are parsed here, so that a broken one is found at the start.
func New(config Config) (*Server, error) {
	if config.DB == nil || config.Desk == nil || config.Records == nil || config.Log == nil {
		return nil, errors.New("console: DB, Desk, Records and Log are needed")
	}
	zone, err := time.LoadLocation("Europe/Stockholm")
	if err != nil {
		return nil, fmt.Errorf("console: %w", err)
	}
	s := &Server{desk: config.Desk, records: config.Records, disposal: config.Disposal, log: config.Log, accounts: NewAccounts(config.DB),
		sessions: newSessions(config.DB, config.Secure), secure: config.Secure, now: time.Now, zone: zone}
	if config.PublicURL != "" {
		u, err := url.Parse(config.PublicURL)
		if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return nil, fmt.Errorf("console: public URL %q is no address like https://moderering.example.se", config.PublicURL)
		}
		s.origin = u.Scheme + "://" + u.Host
	}
	if s.metrics, err = newMetrics(config.Metrics); err != nil {
		return nil, fmt.Errorf("console: %w", err)
	}
	s.sessions.ErrorFunc = func(w http.ResponseWriter, r *http.Request, err error) {
		s.visit(w, r, Account{}).fail(fmt.Errorf("session: %w", err))
	}
	if s.pages, err = s.parse(); err != nil {
		return nil, fmt.Errorf("console: %w", err)
	}
	s.ctx, s.stop = context.WithCancel(context.Background())
	return s, nil
}

// Close ends what outlives a request. Call it before waiting for the HTTP server to shut down, or its open event streams will be
// waited for.
func (s *Server) Close() {
	s.stop()
	s.work.Wait()
}

// LoginLink returns the path of a one-time login as account, good for 15 minutes.
func (s *Server) LoginLink(ctx context.Context, account string) (string, error) {
	token, err := s.accounts.link(ctx, account)
	if err != nil {
		return "", err
	}
	return "/login/" + token, nil
}

// Handler serves the console.
func (s *Server) Handler() http.Handler {
	withSession, without := http.NewServeMux(), http.NewServeMux()
	for _, route := range s.routes() {
		if route.stateless {
			without.Handle(route.pattern, s.enter(route))
		} else {
			withSession.Handle(route.pattern, s.enter(route))
		}
	}
	withSession.Handle("/", s.enter(route{pattern: "/", open: true, handle: func(*visit) error { return moderation.ErrNotFound }}))
	without.Handle("/", s.sessions.LoadAndSave(withSession))

	sameOrigin := http.NewCrossOriginProtection()
	if s.origin != "" {
		if err := sameOrigin.AddTrustedOrigin(s.origin); err != nil {
			s.log.Error("the public URL is no origin", zap.Error(err)) // New has checked it: cannot be
		}
	}
	sameOrigin.SetDenyHandler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.visit(w, r, Account{}).fail(errForeign)
	}))
	return s.observe(s.secureHeaders(sameOrigin.Handler(without)))
}

// route is one line of the table: what, for whom, by whom.
type route struct {
	pattern string
	// roles may come in; none means everybody who is logged in, and open everybody.
	roles []Role
	open  bool
	// stateless routes neither renew nor change a session.
	stateless bool
	handle    func(*visit) error
}

// routes is the whole of what can be asked for. The table test walks it for every role.
func (s *Server) routes() []route {
	review, keep, admin := []Role{Moderator, Admin}, []Role{Archivist, Admin}, []Role{Admin}
	return []route{
		{pattern: "GET /static/{version}/{file}", open: true, stateless: true, handle: (*visit).static},
		{pattern: "GET /login", open: true, handle: (*visit).loginPage},
		{pattern: "POST /login", open: true, handle: (*visit).login},
		{pattern: "GET /login/{token}", open: true, handle: (*visit).linkPage},
		{pattern: "POST /login/{token}", open: true, handle: (*visit).loginByLink},
		{pattern: "POST /language", open: true, handle: (*visit).setLanguage},

		{pattern: "GET /{$}", handle: (*visit).home},
		{pattern: "POST /logout", handle: (*visit).logout},
		{pattern: "POST /logout/everywhere", handle: (*visit).logoutEverywhere},
		{pattern: "POST /keys", handle: (*visit).setKeys},
		{pattern: "GET /help", handle: (*visit).helpPage},
		{pattern: "GET /events", stateless: true, handle: (*visit).events},
		{pattern: "GET /rules", handle: (*visit).rulesPage},
		{pattern: "GET /figures", handle: (*visit).figuresPage},
		{pattern: "GET /media/{sha256}", handle: (*visit).media},
		{pattern: "GET /media/{sha256}/large", handle: (*visit).mediaLarge},
		{pattern: "GET /media/{sha256}/play", handle: (*visit).mediaPlay},
		{pattern: "GET /case/{comment}", handle: (*visit).casePage},
		{pattern: "GET /case/{comment}/bundle.zip", handle: (*visit).bundle},
		{pattern: "GET /case/{comment}/reply", roles: review, handle: (*visit).replyPage},

		{pattern: "GET /queue", roles: review, handle: (*visit).queuePage},
		{pattern: "GET /queue/{comment}", roles: review, handle: (*visit).queuePage},
		{pattern: "GET /bot-hidden", roles: review, handle: (*visit).botHiddenPage},
		{pattern: "GET /bot-hidden/{comment}", roles: review, handle: (*visit).botHiddenPage},
		{pattern: "GET /questions", roles: review, handle: (*visit).questionsPage},
		{pattern: "GET /questions/{comment}", roles: review, handle: (*visit).questionsPage},
		{pattern: "POST /case/{comment}/decide", roles: review, handle: (*visit).decide},
		{pattern: "POST /case/{comment}/post", roles: review, handle: (*visit).closePost},
		{pattern: "POST /undo/{decision}", roles: review, handle: (*visit).undo},
		{pattern: "POST /claim/{flag}", roles: review, handle: (*visit).claim},
		{pattern: "GET /author", roles: review, handle: (*visit).authorPage},
		{pattern: "GET /templates", roles: review, handle: (*visit).templatesPage},
		{pattern: "GET /templates/{name}", roles: review, handle: (*visit).templatePage},
		{pattern: "POST /templates/{name}", roles: review, handle: (*visit).saveTemplate},

		{pattern: "GET /archive", roles: keep, handle: (*visit).archivePage},
		{pattern: "GET /archive/export", roles: keep, handle: (*visit).export},
		{pattern: "GET /archive/record/{id}", roles: keep, handle: (*visit).recordPage},
		{pattern: "GET /archive/record/{id}/json", roles: keep, handle: (*visit).recordJSON},
		{pattern: "GET /archive/media/{sha256}", roles: keep, handle: (*visit).original},
		{pattern: "GET /archive/verify", roles: keep, handle: (*visit).verifyPage},
		{pattern: "POST /archive/verify", roles: keep, handle: (*visit).verify},
		{pattern: "GET /archive/holds", roles: keep, handle: (*visit).holdsPage},
		{pattern: "POST /archive/holds", roles: keep, handle: (*visit).holdFound},
		{pattern: "POST /archive/record/{id}/hold", roles: keep, handle: (*visit).hold},
		{pattern: "POST /archive/record/{id}/release", roles: keep, handle: (*visit).release},
		{pattern: "GET /archive/disposal", roles: keep, handle: (*visit).disposalsPage},
		{pattern: "POST /archive/disposal", roles: keep, handle: (*visit).propose},
		{pattern: "GET /archive/disposal/{proposal}", roles: keep, handle: (*visit).disposalPage},
		{pattern: "GET /archive/disposal/{proposal}/list.csv", roles: keep, handle: (*visit).disposalList},
		{pattern: "GET /archive/disposal/{proposal}/signed", roles: keep, handle: (*visit).signedList},
		{pattern: "POST /archive/disposal/{proposal}/approve", roles: keep, handle: (*visit).approve},
		{pattern: "POST /archive/disposal/{proposal}/withdraw", roles: keep, handle: (*visit).withdraw},
		{pattern: "POST /archive/disposal/{proposal}/continue", roles: keep, handle: (*visit).resume},

		{pattern: "GET /channels", roles: review, handle: (*visit).channelsPage},
		{pattern: "GET /nodes", roles: review, handle: (*visit).nodesPage},
		{pattern: "POST /channels/check", roles: review, handle: (*visit).checkChannels},
		{pattern: "POST /channels/retry", roles: review, handle: (*visit).retry},

		{pattern: "GET /accounts", roles: admin, handle: (*visit).accountsPage},
	}
}

// visit is one request being answered.
type visit struct {
	s       *Server
	w       http.ResponseWriter
	r       *http.Request
	account Account // zero when nobody is logged in
	lang    string  // "sv" or "en"
	keysOff bool    // single-key shortcuts are switched off (WCAG 2.1.4)
}

func (s *Server) visit(w http.ResponseWriter, r *http.Request, account Account) *visit {
	v := &visit{s: s, w: w, r: r, account: account, lang: "sv"}
	if c, err := r.Cookie("language"); err == nil && c.Value == "en" {
		v.lang = "en"
	}
	if c, err := r.Cookie("keys"); err == nil && c.Value == "off" {
		v.keysOff = true
	}
	return v
}

// maxForm bounds a form: a reason, a reply and a few numbers.
const maxForm = 64 << 10

// enter answers a request by a route, for those who may.
func (s *Server) enter(to route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		v := s.visit(w, r, Account{})
		ctx := r.Context()
		if to.stateless && !to.open {
			var err error
			if ctx, err = s.sessions.Load(ctx, s.token(r)); err != nil {
				v.fail(fmt.Errorf("session: %w", err))
				return
			}
			v.r = r.WithContext(ctx)
		}
		if !to.stateless || !to.open {
			account, err := s.identify(ctx)
			if err != nil {
				v.fail(err)
				return
			}
			v.account = account
			note(ctx, to.pattern, account.Name)
		}
		if err := v.allowed(to); err != nil {
			v.fail(err)
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxForm)
		if err := to.handle(v); err != nil {
			v.fail(err)
		}
	})
}

// token is what the request's session cookie holds.
func (s *Server) token(r *http.Request) string {
	if c, err := r.Cookie(s.sessions.Cookie.Name); err == nil {
		return c.Value
	}
	return ""
}

// What a visitor may be refused by.
var (
	errLogin     = errors.New("log in first")
	errForbidden = errors.New("the role does not allow this")
	errForeign   = errors.New("the request comes from another site")
	errBadForm   = errors.New("the form cannot be read")
)

// allowed tells whether the visitor may use a route.
func (v *visit) allowed(to route) error {
	if to.open {
		return nil
	}
	if v.account.Name == "" {
		return errLogin
	}
	if len(to.roles) == 0 || v.may(to.roles...) {
		return nil
	}
	return errForbidden
}

// may tells whether the visitor has one of the roles.
func (v *visit) may(roles ...Role) bool {
	for _, role := range roles {
		if v.account.Role == role {
			return true
		}
	}
	return false
}

// failure is what an error looks like to the visitor.
type failure struct {
	status int
	name   string
}

// failureOf is the one mapping from errors to answers.
func failureOf(err error) failure {
	var tooBig *http.MaxBytesError
	switch {
	case errors.Is(err, errLogin):
		return failure{http.StatusUnauthorized, "login"}
	case errors.Is(err, errForbidden):
		return failure{http.StatusForbidden, "forbidden"}
	case errors.Is(err, errForeign):
		return failure{http.StatusForbidden, "foreign"}
	case errors.Is(err, moderation.ErrNotFound), errors.Is(err, archive.ErrNotFound):
		return failure{http.StatusNotFound, "notfound"}
	case errors.Is(err, moderation.ErrClaimed):
		return failure{http.StatusConflict, "claimed"}
	case errors.Is(err, moderation.ErrStale):
		return failure{http.StatusConflict, "stale"}
	case errors.Is(err, moderation.ErrSamePerson):
		return failure{http.StatusForbidden, "sameperson"}
	case errors.Is(err, moderation.ErrTooLate):
		return failure{http.StatusConflict, "toolate"}
	case errors.Is(err, picture.ErrNotDrawn):
		return failure{http.StatusUnsupportedMediaType, "undrawn"}
	case errors.As(err, &tooBig):
		return failure{http.StatusRequestEntityTooLarge, "invalid"}
	case errors.Is(err, moderation.ErrInvalid), errors.Is(err, errBadForm):
		return failure{http.StatusUnprocessableEntity, "invalid"}
	case errors.Is(err, store.ErrFull), errors.Is(err, store.ErrClosed), errors.Is(err, context.DeadlineExceeded):
		return failure{http.StatusServiceUnavailable, "unavailable"}
	}
	return failure{http.StatusInternalServerError, "internal"}
}

// fail answers with an error page that says what to do next. Only faults of ours go to the log.
func (v *visit) fail(err error) {
	if v.r.Context().Err() != nil {
		return // nobody is there to read it
	}
	f := failureOf(err)
	if f.status >= 500 {
		v.s.log.Error("a page could not be shown", zap.String("route", v.r.Pattern), zap.Int("status", f.status), zap.Error(err))
	}
	if f.name == "login" && v.r.Method == http.MethodGet && !strings.HasPrefix(v.r.URL.Path, "/events") {
		v.redirect("/login?next=" + url.QueryEscape(v.r.URL.RequestURI()))
		return
	}
	if f.status == http.StatusServiceUnavailable {
		v.w.Header().Set("Retry-After", "30")
	}
	problem := errorView{Name: f.name}
	var claimed *moderation.ClaimedError
	if errors.As(err, &claimed) {
		problem.By, problem.Until = claimed.By, claimed.Until
	}
	if comment := v.r.PathValue("comment"); f.status == http.StatusConflict && comment != "" {
		problem.Back = "/case/" + comment // as it is now
	}
	v.showError(f.status, problem)
}

// errorView is what an error page shows.
type errorView struct {
	Name  string // the words are error.<name>.title and error.<name>.text
	By    string // who holds the comment
	Until time.Time
	Back  string
}

// page is what the layout needs around a page's own content.
type page struct {
	Title   string // a key of the catalogue
	Section string // which part of the bar is current
	Content any
	Account Account
	Counts  moderation.Counts
	Alerts  []alertLine
	Flash   *flash
	Path    string // where to come back to after a change of language
	KeysOff bool
	Bare    bool // without the bar: nobody is logged in
}

// show writes a page. It is written whole before the first byte leaves, so that a fault gives an error page and no half page.
func (v *visit) show(status int, template string, p page) error {
	p.Account, p.KeysOff, p.Bare = v.account, v.keysOff, v.account.Name == ""
	p.Path = v.r.URL.RequestURI()
	if v.r.Method != http.MethodGet {
		p.Path = "/"
	}
	if !p.Bare {
		var err error
		if p.Counts, err = v.s.desk.Counts(v.r.Context()); err != nil {
			return err
		}
		if p.Alerts, err = v.alerts(); err != nil {
			return err
		}
	}
	if p.Flash == nil && status < 400 {
		p.Flash = v.takeFlash()
	}
	var out bytes.Buffer
	if err := v.s.pages[v.lang].execute(&out, template, p); err != nil {
		return fmt.Errorf("write page %s: %w", template, err)
	}
	v.w.Header().Set("Content-Type", "text/html; charset=utf-8")
	v.w.Header().Set("Content-Language", v.lang)
	v.w.Header().Set("Vary", "Cookie")
	v.w.WriteHeader(status)
	_, _ = v.w.Write(out.Bytes())
	return nil
}

// showError writes an error page; it asks the desk for nothing, which may be what failed.
func (v *visit) showError(status int, problem errorView) {
	p := page{Title: "error." + problem.Name + ".title", Account: v.account, KeysOff: v.keysOff, Bare: v.account.Name == "", Path: "/",
		Content: problem}
	var out bytes.Buffer
	if err := v.s.pages[v.lang].execute(&out, "error", p); err != nil {
		v.s.log.Error("the error page could not be written", zap.Error(err))
		http.Error(v.w, v.s.pages[v.lang].say(p.Title), status)
		return
	}
	v.w.Header().Set("Content-Type", "text/html; charset=utf-8")
	v.w.Header().Set("Content-Language", v.lang)
	v.w.WriteHeader(status)
	_, _ = v.w.Write(out.Bytes())
}

// pieceSize and pieceTime are how much of a large answer is written at once, and how long its reader may take for that.
const (
	pieceSize = 32 << 10
	pieceTime = time.Minute
)

// steady writes a large answer. A reader who is slow gets the whole of it, however long that takes; one who has stopped reading is let go
// of, whatever the server's own limit for ordinary pages is.
type steady struct{ *visit }

func (w steady) Write(b []byte) (n int, err error) {
	control := http.NewResponseController(w.w)
	for len(b) > 0 && err == nil {
		_ = control.SetWriteDeadline(time.Now().Add(pieceTime)) // not every ResponseWriter has deadlines: then there is none to keep
		var k int
		k, err = w.w.Write(b[:min(len(b), pieceSize)])
		n, b = n+k, b[k:]
	}
	return n, err
}

func (v *visit) redirect(to string) {
	http.Redirect(v.w, v.r, to, http.StatusSeeOther)
}

// id reads a number from the path.
func (v *visit) id(name string) (int64, error) {
	id, err := strconv.ParseInt(v.r.PathValue(name), 10, 64)
	if err != nil || id < 1 {
		return 0, fmt.Errorf("no such %s: %w", name, moderation.ErrNotFound)
	}
	return id, nil
}

// home sends everyone to where their work is.
func (v *visit) home() error {
	if v.may(Archivist) {
		v.redirect("/archive")
	} else {
		v.redirect("/queue")
	}
	return nil
}

// local keeps a redirect on our own site.
func local(to string) string {
	odd := func(r rune) bool { return r == '\\' || r < ' ' || r == 0x7f || r == utf8.RuneError } // some browsers skip them, some take them for another sign
	if !strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//") || strings.ContainsFunc(to, odd) {
		return "/"
	}
	return to
}

// address is where a request comes from, for throttling.
func (s *Server) address(r *http.Request) string {
	if s.secure {
		// Only the last entry is the proxy's own word; what stands before it, the client may have written.
		all := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
		if last, err := netip.ParseAddr(strings.TrimSpace(all[len(all)-1])); err == nil {
			return neighbourhood(last)
		}
	}
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return neighbourhood(at.Addr())
}

// neighbourhood is an IPv4 address, or the network of an IPv6 one: a household is given 2⁶⁴ of those, one for every attempt.
func neighbourhood(a netip.Addr) string {
	a = a.Unmap().WithZone("")
	if a.Is4() {
		return a.String()
	}
	network, _ := a.Prefix(64) // fails for no address of IPv6
	return network.String()
}

// secureHeaders says to the browser what these pages never do: load from elsewhere, run or style inline, stand in a frame, stay in
// a cache, tell others where one came from, or, where TLS stands in front, come without it.
func (s *Server) secureHeaders(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "+
			"form-action 'self'; frame-ancestors 'none'; base-uri 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Permissions-Policy", "camera=(), microphone=(), geolocation=()")
		h.Set("Cache-Control", "no-store")
		if s.secure {
			h.Set("Strict-Transport-Security", transportSecurity)
		}
		next.ServeHTTP(w, r)
	})
}

// transportSecurity lets browsers forget http for two years. It says nothing of subdomains, which are not ours.
const transportSecurity = "max-age=63072000"

// observed is what the log line of a request needs to know and only the route can tell. It is the one thing that goes by context
// here: the line is written outside of the session's middleware.
type observed struct{ route, account string }

type observedKey struct{}

func note(ctx context.Context, route, account string) {
	if o, ok := ctx.Value(observedKey{}).(*observed); ok {
		o.route, o.account = route, account
	}
}

// observe counts and logs each request, and answers for a handler that panics.
func (s *Server) observe(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		o := &observed{route: "other"}
		r = r.WithContext(context.WithValue(r.Context(), observedKey{}, o))
		seen := &statusWriter{ResponseWriter: w}
		began := time.Now()
		defer func() {
			p := recover()
			if p != nil && p != http.ErrAbortHandler {
				s.log.Error("a page panicked", zap.String("route", o.route), zap.String("panic", fmt.Sprintf("%T", p)),
					zap.ByteString("stack", debug.Stack()))
				if seen.status == 0 {
					s.visit(seen, r, Account{}).showError(http.StatusInternalServerError, errorView{Name: "internal"})
				}
			}
			took := time.Since(began)
			s.metrics.requests.WithLabelValues(o.route, strconv.Itoa(seen.status)).Observe(took.Seconds())
			if r.Method != http.MethodGet && r.Method != http.MethodHead {
				s.log.Info("console", zap.String("route", o.route), zap.Int("status", seen.status), zap.Duration("took", took),
					zap.String("account", o.account))
			}
			if p == http.ErrAbortHandler {
				panic(p) // net/http breaks the connection off, and says nothing
			}
		}()
		next.ServeHTTP(seen, r)
	})
}

// statusWriter remembers the status for the log.
type statusWriter struct {
	http.ResponseWriter
	status int
}

func (w *statusWriter) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *statusWriter) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(b)
}

// Unwrap lets http.ResponseController through.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// metrics of the console.
type metrics struct {
	requests *prometheus.HistogramVec
	logins   *prometheus.CounterVec
	streams  prometheus.Gauge
}

func newMetrics(to prometheus.Registerer) (metrics, error) {
	m := metrics{
		requests: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "takhojd_console_request_seconds",
			Help: "Time to answer a request, by route and status.", Buckets: prometheus.ExponentialBuckets(0.001, 4, 8)},
			[]string{"route", "status"}),
		logins: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "takhojd_console_logins_total",
			Help: "Attempts to log in, by result: ok, wrong, throttled."}, []string{"result"}),
		streams: prometheus.NewGauge(prometheus.GaugeOpts{Name: "takhojd_console_event_streams", Help: "Pages that listen for changes."}),
	}
	if to == nil {
		return m, nil
	}
	return m, errors.Join(to.Register(m.requests), to.Register(m.logins), to.Register(m.streams))
}
