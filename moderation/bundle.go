package moderation

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"strings"
	"time"

	"takhojd/moderation/store"
)

// Bundle writes the ZIP file that goes with a police report: the comment as a page to read, as the platform sent it and as it was
// recorded, with permalink, times, account, pictures, hashes and the proof that the record stands in the log. It reads what is kept and
// needs no platform.
func (m *Moderator) Bundle(ctx context.Context, id int64, w io.Writer) error {
	k, err := m.Case(ctx, id)
	if err != nil {
		return err
	}
	if k.Record == "" {
		return fmt.Errorf("%w: there is no record of the comment yet; escalate it first", ErrInvalid)
	}
	full, err := m.archive.Show(ctx, k.Record)
	if err != nil {
		return err
	}
	if full.Disposed != nil {
		return fmt.Errorf("%w: the record was disposed of", ErrInvalid)
	}
	b := bundle{zip: zip.NewWriter(w)}
	record := full.Entries[0].Body
	b.add("plattformens-original.json", full.Record.Raw)
	b.add("handling.json", record)
	b.addJSON("handelser.json", full.Entries)
	b.addJSON("bevis.json", full.Proof)
	if err := m.bundleRevisions(ctx, id, &b); err != nil {
		return err
	}
	for _, media := range k.Media {
		if media.SHA256 == "" {
			continue
		}
		_, content, err := m.archive.Media(ctx, media.SHA256)
		if err != nil {
			return err
		}
		b.add(fmt.Sprintf("bild-%d%s", media.Place+1, extension(media.Type)), content)
	}
	page, err := m.bundlePage(k, full.Record.Text, b.sums)
	if err != nil {
		return err
	}
	b.add("anmalan.html", page)
	b.add("SHA256SUMS.txt", []byte(strings.Join(b.sums, "\n")+"\n"))
	if b.err != nil {
		return fmt.Errorf("moderation: bundle: %w", b.err)
	}
	return b.zip.Close()
}

// bundleRevisions adds everything else that the comment has said: a threat may have been edited away.
func (m *Moderator) bundleRevisions(ctx context.Context, id int64, b *bundle) error {
	return m.db.View(ctx, func(tx *store.Tx) error {
		rows, err := tx.Query(`SELECT revision, raw FROM revisions WHERE comment = $1 ORDER BY at, received_at`, id)
		if err != nil {
			return err
		}
		defer rows.Close()
		for n := 1; rows.Next(); n++ {
			var revision string
			var raw []byte
			if err := rows.Scan(&revision, &raw); err != nil {
				return err
			}
			b.add(fmt.Sprintf("lydelse-%d-%s.json", n, revision), raw)
		}
		return rows.Err()
	})
}

// bundle is a ZIP file that keeps the first error and the sum of each file.
type bundle struct {
	zip  *zip.Writer
	sums []string
	err  error
}

func (b *bundle) add(name string, content []byte) {
	if b.err != nil {
		return
	}
	f, err := b.zip.Create(name)
	if err == nil {
		_, err = f.Write(content)
	}
	b.err = err
	b.sums = append(b.sums, fmt.Sprintf("%x  %s", sha256.Sum256(content), name))
}

func (b *bundle) addJSON(name string, v any) {
	content, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		b.err = err
		return
	}
	b.add(name, content)
}

func extension(mediaType string) string {
	switch {
	case !isPicture(mediaType):
		return ".bin"
	case strings.HasPrefix(mediaType, "image/jpeg"):
		return ".jpg"
	}
	return "." + strings.TrimPrefix(strings.SplitN(mediaType, ";", 2)[0], "image/")
}

var bundleTemplate = template.Must(template.New("anmalan").Parse(`<!doctype html>
<html lang="sv"><meta charset="utf-8"><title>Underlag för polisanmälan, handling {{.Case.Record}}</title>
<style>body{font:16px/1.5 system-ui,sans-serif;max-width:42rem;margin:2rem auto;padding:0 1rem}blockquote{border-left:4px solid #555;margin:1rem 0;padding:.5rem 1rem;white-space:pre-wrap;overflow-wrap:anywhere}dt{font-weight:600}dd{margin:0 0 .5rem}code{font-size:.85em;overflow-wrap:anywhere}</style>
<h1>Underlag för polisanmälan</h1>
<p>Handling {{.Case.Record}}, framställd {{.Made}}.</p>
<blockquote>{{.Text}}</blockquote>
<dl>
<dt>Konto</dt><dd>{{.Case.Comment.Author.Name}} (plattformens id: <code>{{.Case.Comment.Author.ID}}</code>)</dd>
<dt>Plattform och kanal</dt><dd>{{.Case.Ref.Platform}}, {{.Case.Channel.Name}}</dd>
<dt>Kommentarens id</dt><dd><code>{{.Case.Ref.Comment}}</code></dd>
<dt>Länk</dt><dd>{{if .Case.Comment.Permalink}}<code>{{.Case.Comment.Permalink}}</code>{{else}}Plattformen uppgav ingen.{{end}}</dd>
<dt>Skriven enligt plattformen</dt><dd>{{.Posted}}</dd>
<dt>Mottagen av myndigheten</dt><dd>{{.Received}}</dd>
<dt>Läge nu</dt><dd>{{.State}}</dd>
<dt>Inlägget den stod under</dt><dd>{{.Case.Post.Text}}</dd>
</dl>
<h2>Filer i underlaget</h2>
<p>SHA-256 för varje fil. <code>bevis.json</code> visar att handlingen står i en logg som inte kan ändras i efterhand (RFC 6962), under en signerad kontrollpunkt.</p>
<ul>{{range .Sums}}<li><code>{{.}}</code></li>{{end}}</ul>
</html>
`))

func (m *Moderator) bundlePage(k Case, text string, sums []string) ([]byte, error) {
	clock := func(t time.Time) string {
		if t.IsZero() {
			return "okänt"
		}
		return t.In(m.cfg.Location).Format("2006-01-02 kl. 15.04.05 (MST)")
	}
	states := map[State]string{Standing: "Synlig", Hidden: "Dold", Deleted: "Borttagen av myndigheten", Removed: "Borttagen, inte av myndigheten"}
	var page bytes.Buffer
	err := bundleTemplate.Execute(&page, map[string]any{"Case": k, "Text": text, "Made": clock(m.now()), "Posted": clock(k.Comment.Posted),
		"Received": clock(k.Received), "State": states[k.State], "Sums": sums})
	if err != nil {
		return nil, fmt.Errorf("moderation: bundle: %w", err)
	}
	return page.Bytes(), nil
}
