package moderation

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"syscall"
	"time"

	"takhojd/archive"
	"takhojd/moderation/store"
	"takhojd/platforms"
)

// PublicClient fetches from public addresses only, and there from the ports of the web: what a citizen's comment points to must never make
// us read our own network (server-side request forgery). The address is checked when the connection is made, after the name was looked up
// and for each connection anew: however a host is written, whatever a name meant before, and wherever a redirect leads.
func PublicClient() *http.Client { return mediaClient(nil, publicly) }

// LocalClient fetches from any address. It is for a simulated platform on the same machine, and for nothing else.
func LocalClient() *http.Client {
	return mediaClient(nil, func(netip.AddrPort) error { return nil })
}

// mediaClient connects to what allowed lets through. names looks hosts up; nil is the machine's own way.
func mediaClient(names *net.Resolver, allowed func(netip.AddrPort) error) *http.Client {
	dialer := &net.Dialer{Timeout: 5 * time.Second, Resolver: names, Control: func(_, address string, _ syscall.RawConn) error {
		at, err := netip.ParseAddrPort(address)
		if err != nil {
			return err
		}
		return allowed(at)
	}}
	return &http.Client{
		Timeout: 30 * time.Second,
		Transport: &http.Transport{DialContext: dialer.DialContext, Proxy: nil, TLSHandshakeTimeout: 5 * time.Second, ResponseHeaderTimeout: 10 * time.Second,
			MaxResponseHeaderBytes: 64 << 10, MaxIdleConnsPerHost: 2, IdleConnTimeout: 30 * time.Second, DisableCompression: true},
		CheckRedirect: func(r *http.Request, via []*http.Request) error {
			r.Header.Del("Referer") // the address that led here may hold a signature
			switch {
			case len(via) >= 3:
				return errors.New("too many redirects")
			case via[len(via)-1].URL.Scheme == "https" && r.URL.Scheme != "https":
				return errors.New("a redirect away from https")
			}
			return fetchable(r.URL)
		},
	}
}

// fetchable refuses addresses that nothing of a platform's has.
func fetchable(u *url.URL) error {
	switch {
	case u.Scheme != "https" && u.Scheme != "http", u.Host == "":
		return errors.New("the address is none of the web")
	case u.User != nil:
		return errors.New("the address holds a name to log in with")
	}
	return nil
}

// publicly refuses what is no public address, or another service's port.
func publicly(at netip.AddrPort) error {
	if ip := at.Addr().Unmap(); !public(ip) {
		return fmt.Errorf("%s is no public address", ip)
	}
	if at.Port() != 80 && at.Port() != 443 {
		return fmt.Errorf("port %d is none of the web", at.Port())
	}
	return nil
}

// unicast6 is the one part of IPv6 from which public addresses have been given out. All else that embeds an IPv4 address or stays within a
// network lies outside of it: loopback, ::/96, IPv4-mapped, NAT64, discard, unique local, link-local, site-local, SRv6.
var unicast6 = netip.MustParsePrefix("2000::/3")

// special lists networks that lead to no public host, beside what netip knows (IANA special-purpose registries, 2026).
var special = []netip.Prefix{netip.MustParsePrefix("0.0.0.0/8"), netip.MustParsePrefix("100.64.0.0/10"), netip.MustParsePrefix("192.0.0.0/24"),
	netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("192.88.99.0/24"), netip.MustParsePrefix("198.18.0.0/15"),
	netip.MustParsePrefix("198.51.100.0/24"), netip.MustParsePrefix("203.0.113.0/24"), netip.MustParsePrefix("240.0.0.0/4"),
	netip.MustParsePrefix("2001::/23"), netip.MustParsePrefix("2001:db8::/32"), netip.MustParsePrefix("2002::/16"), netip.MustParsePrefix("3fff::/20")}

func public(ip netip.Addr) bool {
	if !ip.IsGlobalUnicast() || ip.IsPrivate() || ip.Zone() != "" || ip.Is6() && !unicast6.Contains(ip) {
		return false
	}
	for _, p := range special {
		if p.Contains(ip) {
			return false
		}
	}
	return true
}

// keepMedia fetches the pictures and films of a comment that are not kept yet, and writes what could and what could not be had into the
// archive. It waits no longer than Config.MediaWait for all of them: a hide must not wait for a picture that does not come.
func (m *Moderator) keepMedia(ctx context.Context, c *comment, j job, now platforms.Comment) error {
	if len(now.Attachments) == 0 {
		return nil
	}
	var entered int
	var earlier map[int]archive.KeptMedia
	err := m.db.View(ctx, func(tx *store.Tx) (err error) {
		if earlier, err = keptBefore(tx, c.id, j.revision); err != nil {
			return err
		}
		return tx.QueryRow(`SELECT count(*) FROM archive_entries WHERE record_id = $1 AND kind = $2`, j.record, string(archive.KindMedia)).Scan(&entered)
	})
	if err != nil {
		return err
	}
	if len(earlier) >= len(now.Attachments) && (j.record == "" || entered > 0) {
		return nil
	}
	wait, cancel := context.WithTimeout(ctx, m.cfg.MediaWait)
	defer cancel()
	entry := archive.MediaEntry{At: m.now().UTC().Truncate(time.Microsecond)}
	var contents [][]byte
	for place, a := range now.Attachments {
		kept, content := m.fetchMedia(wait, place, a)
		if before := earlier[place]; kept.SHA256 == "" && before.SHA256 != "" {
			// Had when the comment came, gone or slow now: the record names what we hold.
			kept.SHA256, kept.Type, kept.Size, kept.Error = before.SHA256, before.Type, before.Size, ""
		}
		entry.Media = append(entry.Media, kept)
		contents = append(contents, content)
	}
	err = m.db.Update(ctx, func(tx *store.Tx) error {
		for i, kept := range entry.Media {
			if contents[i] != nil {
				if err := m.archive.KeepMedia(tx, kept.SHA256, kept.Type, contents[i]); err != nil {
					return err
				}
			}
			if _, err := tx.Exec(`INSERT INTO comment_media (comment, revision, place, sha256, type, error, at) VALUES ($1, $2, $3, $4, $5, $6, $7)
				ON CONFLICT (comment, revision, place) DO UPDATE SET sha256 = excluded.sha256, type = excluded.type, error = excluded.error, at = excluded.at
				WHERE comment_media.sha256 = ''`, c.id, j.revision, kept.Place, kept.SHA256, kept.Type, kept.Error, entry.At); err != nil {
				return err
			}
		}
		if j.record == "" {
			return nil
		}
		return m.archive.Add(tx, j.record, archive.KindMedia, entry)
	})
	select {
	case m.kept <- struct{}{}:
	default:
	}
	return err
}

// keptBefore returns, by their places, what was had and what could not be had of a comment's pictures.
func keptBefore(tx *store.Tx, comment int64, revision string) (map[int]archive.KeptMedia, error) {
	rows, err := tx.Query(`SELECT c.place, c.sha256, c.type, coalesce(length(m.bytes), 0) FROM comment_media c
		LEFT JOIN archive_media m ON m.sha256 = c.sha256 WHERE c.comment = $1 AND c.revision = $2`, comment, revision)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	found := map[int]archive.KeptMedia{}
	for rows.Next() {
		var k archive.KeptMedia
		if err := rows.Scan(&k.Place, &k.SHA256, &k.Type, &k.Size); err != nil {
			return nil, err
		}
		found[k.Place] = k
	}
	return found, rows.Err()
}

// fetchMedia fetches one picture or film. What goes wrong is said in the result.
func (m *Moderator) fetchMedia(ctx context.Context, place int, a platforms.Attachment) (archive.KeptMedia, []byte) {
	kept := archive.KeptMedia{Place: place, Kind: a.Kind, URL: a.URL}
	content, err := m.download(ctx, a.URL)
	if err == nil && strings.HasPrefix(http.DetectContentType(content), "text/") {
		// A page, a script, a drawing that can run: an error page most likely, and never what the citizen sent.
		err = fmt.Errorf("no picture or film: %s", http.DetectContentType(content))
	}
	if err != nil {
		kept.Error = err.Error()
		m.metrics.media.WithLabelValues("missing").Inc()
		return kept, nil
	}
	sum := sha256.Sum256(content)
	kept.SHA256, kept.Size = hex.EncodeToString(sum[:]), len(content)
	// The type is read from the bytes: what a server says of them is not to be trusted.
	kept.Type = http.DetectContentType(content)
	m.metrics.media.WithLabelValues("kept").Inc()
	return kept, content
}

func (m *Moderator) download(ctx context.Context, address string) ([]byte, error) {
	if address == "" {
		return nil, errors.New("the platform gave no address")
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, errors.New("the address is none")
	}
	if err := fetchable(request.URL); err != nil {
		return nil, err
	}
	response, err := m.cfg.MediaClient.Do(request)
	if err != nil {
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err // without the address: it may hold a signature
		}
		return nil, fmt.Errorf("could not be fetched: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the server answered %d", response.StatusCode)
	}
	content, err := io.ReadAll(io.LimitReader(response.Body, m.cfg.MediaLimit+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("broke off: %w", err)
	case int64(len(content)) > m.cfg.MediaLimit:
		return nil, fmt.Errorf("larger than %d bytes", m.cfg.MediaLimit)
	case len(content) == 0:
		return nil, errors.New("empty")
	}
	return content, nil
}

// isPicture tells whether a media type is one that browsers draw and that holds no script.
func isPicture(mediaType string) bool {
	switch strings.TrimSpace(strings.SplitN(mediaType, ";", 2)[0]) {
	case "image/png", "image/jpeg", "image/gif", "image/webp":
		return true
	}
	return false
}
