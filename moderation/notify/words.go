package notify

import (
	"fmt"
	"strings"

	"takhojd/moderation"
	"takhojd/rules"
)

// titles are what a message with one alert is called.
var titles = map[moderation.AlertKind]rules.Words{
	moderation.AlertEscalation: {SV: "Takhöjd: allvarlig kommentar väntar på granskning", EN: "Takhöjd: a serious comment waits for review"},
	moderation.AlertToken:      {SV: "Takhöjd: en åtkomstnyckel gäller inte längre", EN: "Takhöjd: an access token no longer holds"},
	moderation.AlertExpiring:   {SV: "Takhöjd: en åtkomstnyckel går snart ut", EN: "Takhöjd: an access token ends soon"},
	moderation.AlertLate:       {SV: "Takhöjd: kommentarer har väntat för länge", EN: "Takhöjd: comments have waited too long"},
	moderation.AlertDead:       {SV: "Takhöjd: något gick inte att göra", EN: "Takhöjd: something could not be done"},
	moderation.AlertFull:       {SV: "Takhöjd: disken är full", EN: "Takhöjd: the disk is full"},
}

var trial = rules.Words{SV: "Takhöjd: detta är ett prov. Du behöver inte göra något.", EN: "Takhöjd: this is a test. There is nothing to do."}

// write puts alerts into a message: the gravest gives the title, and each is a sentence and a link.
func (n *Notifier) write(alerts []moderation.Alert, language string) (title, body string) {
	gravest := alerts[0].Kind
	for _, kind := range []moderation.AlertKind{moderation.AlertFull, moderation.AlertEscalation} {
		for _, a := range alerts {
			if a.Kind == kind {
				gravest = kind
			}
		}
	}
	title = titles[gravest].In(language)
	if len(alerts) > 1 {
		title += fmt.Sprintf(" (+%d)", len(alerts)-1)
	}
	var b strings.Builder
	for i, a := range alerts {
		if i == mostLines {
			more := rules.Words{SV: "Och %d till. Se konsolen.", EN: "And %d more. See the console."}
			fmt.Fprintf(&b, more.In(language)+"\n", len(alerts)-mostLines)
			break
		}
		fmt.Fprintln(&b, a.Words.In(language))
		if n.cfg.Console != "" {
			fmt.Fprintln(&b, n.cfg.Console+a.Path)
		}
	}
	return title, strings.TrimSpace(b.String())
}
