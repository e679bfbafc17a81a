package platformtest

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"takhojd/platforms"
)

// UserToken is a valid token that is no page's. As on the real platform it gets empty lists rather than errors.
const UserToken = "simulated-user-token"

// Options is what a simulated platform needs to know. The zero value is a platform with the default accounts that delivers nowhere.
type Options struct {
	// Addr is where to listen; "" is a free port of the loopback interface.
	Addr string
	// AppID and AppSecret are the app's. Deliveries are signed with the secret; calls that carry a proof are checked with it.
	AppID, AppSecret string
	// VerifyToken is what [Server.Handshake] shows the webhook.
	VerifyToken string
	// WebhookURL is where comments are delivered; "" is nowhere. "{platform}" in it stands for the platform's name.
	WebhookURL string
	// Batch is the most changes in one delivery; 0 is 1.
	Batch int
	// Accounts are the pages and accounts that it hosts; nil is DefaultAccounts.
	Accounts []Account
	Faults   Faults
	Log      *zap.Logger
	// Now is the platform's clock; nil is time.Now.
	Now func() time.Time
	// Seed chooses which calls and deliveries meet the faults.
	Seed int64
	// OnCall is run before a call is executed, and holds it up until it returns.
	OnCall func(Call)
}

// Server is a simulated platform. Its methods may be called from any goroutine.
type Server struct {
	opts     Options
	world    *world
	chance   *chance
	deliver  *deliverer
	http     *http.Server
	listener net.Listener
	cancel   context.CancelFunc
	ctx      context.Context
	close    sync.Once
	served   chan struct{}
}

// Start starts a simulated platform. It runs until Close, or until ctx is cancelled.
func Start(ctx context.Context, opts Options) (*Server, error) {
	if opts.Addr == "" {
		opts.Addr = "127.0.0.1:0"
	}
	if opts.Accounts == nil {
		opts.Accounts = DefaultAccounts()
	}
	opts.Accounts = slices.Clone(opts.Accounts)
	for i, a := range opts.Accounts {
		if a.Platform == "" {
			opts.Accounts[i].Platform = platforms.Facebook
		}
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Log == nil {
		opts.Log = zap.NewNop()
	}
	if opts.AppID == "" {
		opts.AppID = "310000000000001"
	}
	if err := opts.Faults.check(); err != nil {
		return nil, err
	}
	listener, err := net.Listen("tcp", opts.Addr)
	if err != nil {
		return nil, fmt.Errorf("platformtest: listen: %w", err)
	}
	s := &Server{opts: opts, world: newWorld(opts.Accounts, opts.Now), chance: &chance{seed: opts.Seed}, listener: listener,
		served: make(chan struct{})}
	s.ctx, s.cancel = context.WithCancel(ctx)
	s.chance.set(opts.Faults)
	s.deliver = newDeliverer(s.ctx, s.world, s.chance, opts)
	s.world.fronts = newFronts(s)
	for _, a := range opts.Accounts {
		if s.world.fronts[a.Platform] == nil {
			s.cancel()
			return nil, errors.Join(fmt.Errorf("platformtest: account %s: %q cannot be simulated", a.ID, a.Platform), listener.Close())
		}
	}
	for _, p := range opts.Accounts {
		s.world.subs[p.ID] = true
	}
	s.http = &http.Server{Handler: s.routes(), ReadHeaderTimeout: 10 * time.Second,
		ErrorLog: zap.NewStdLog(opts.Log)}
	go func() {
		defer close(s.served)
		if err := s.http.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			opts.Log.Error("platformtest: serve", zap.Error(err))
		}
	}()
	context.AfterFunc(s.ctx, func() { _ = s.http.Close() })
	return s, nil
}

// URL is where the platform is, without a trailing slash.
func (s *Server) URL() string { return "http://" + s.listener.Addr().String() }

// Close stops the platform. Deliveries that were not accepted are lost; its state can still be read.
func (s *Server) Close() error {
	var err error
	s.close.Do(func() {
		s.cancel()
		err = s.http.Close()
		<-s.served
		s.deliver.wg.Wait()
	})
	return err
}

// AddPost publishes a post, and returns it with its id and time.
func (s *Server) AddPost(p Post) (Post, error) { return s.world.addPost(p) }

// AddComment writes a comment, delivers it, and returns it with its id and time.
func (s *Server) AddComment(c Comment) (Comment, error) { return s.world.addComment(c) }

// Edit lets a comment's author change its text.
func (s *Server) Edit(comment, text string) error {
	return s.world.change(comment, "edited", func(c *CommentState) { c.Text, c.RevisionCount = text, c.RevisionCount+1 })
}

// Remove lets a comment's author remove it.
func (s *Server) Remove(comment string) error {
	return s.world.change(comment, "remove", func(c *CommentState) { c.RemovedByAuthor, c.DeletedAt = true, s.world.now() })
}

// SetHidden hides or shows a comment as a colleague does in the platform's own tools: no call is logged.
func (s *Server) SetHidden(comment string, hidden bool) error {
	s.world.mu.Lock()
	defer s.world.mu.Unlock()
	c, ok := s.world.commentBy[comment]
	if !ok || c.gone() {
		return fmt.Errorf("platformtest: hide %q: %w", comment, errNoComment)
	}
	s.world.setHiddenLocked(c, hidden)
	return nil
}

// State is all that the platform holds at this moment, calls included.
func (s *Server) State() State {
	state := s.world.state()
	state.Webhooks = s.deliver.state()
	return state
}

// SetFaults changes what goes wrong from now on. Windows of calls count from here.
func (s *Server) SetFaults(f Faults) error {
	if err := f.check(); err != nil {
		return err
	}
	s.chance.set(f)
	return nil
}

// SetWebhookURL changes where deliveries go from now on, those under way included. While it is "" what happens is told nobody.
func (s *Server) SetWebhookURL(address string) { s.deliver.setURL(address) }

// Handshake asks a platform's webhook to prove that it is ours, as the platform does when a webhook is set up.
func (s *Server) Handshake(ctx context.Context, p platforms.Platform) error {
	front, ok := s.world.fronts[p]
	if !ok {
		return fmt.Errorf("platformtest: handshake: %q cannot be simulated", p)
	}
	if err := front.handshake(ctx, s.deliver.client, addressFor(s.deliver.state().URL, p)); err != nil {
		return fmt.Errorf("platformtest: handshake: %w", err)
	}
	return nil
}

// Settled waits until the webhook has accepted every delivery.
func (s *Server) Settled(ctx context.Context) error { return s.deliver.settled(ctx) }

// Accounts are the pages and accounts that the platform hosts.
func (s *Server) Accounts() []Account { return s.opts.Accounts }

func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /state", s.serveState)
	mux.HandleFunc("POST /simulate/{what}", s.serveSimulate)
	mux.HandleFunc("GET /photo/{file}", s.servePhoto)
	mux.HandleFunc("GET /{$}", s.servePublicIndex)
	mux.HandleFunc("GET /public/{post}", s.servePublicPost)
	mux.HandleFunc("GET /public.css", s.servePublicStyle)
	mux.HandleFunc("/2/", s.serveX)
	mux.HandleFunc("GET /i/web/status/{id}", s.serveXPage)
	mux.HandleFunc("/xrpc/", s.serveBluesky)
	mux.HandleFunc("/", s.serveGraph)
	return mux
}
