package console

import (
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"

	"takhojd/archive"
	"takhojd/moderation"
)

// holdForm is a hold, or its end, as it was filled in.
type holdForm struct {
	Reason, Reference, Number string
	Bad                       string // a key of the catalogue: why it was not entered
}

// longestReason bounds what is entered, in characters: it stays in the log for as long as the record does.
const longestReason = 500

// holdFormOf reads a hold. numbered says that it must name its decision: what ends a hold need not.
func (v *visit) holdFormOf(numbered bool) holdForm {
	f := holdForm{Reason: strings.TrimSpace(v.r.PostFormValue("reason")), Reference: strings.TrimSpace(v.r.PostFormValue("reference")),
		Number: strings.Join(strings.Fields(v.r.PostFormValue("number")), "")}
	switch {
	case f.Reason == "":
		f.Bad = "hold.noreason"
	case numbered && f.Reference == "":
		f.Bad = "hold.noreference"
	case utf8.RuneCountInString(f.Reason) > longestReason || utf8.RuneCountInString(f.Reference) > longestReason:
		f.Bad = "hold.toolong"
	}
	return f
}

func (v *visit) entry(f holdForm, on bool) archive.Hold {
	return archive.Hold{On: on, Reason: f.Reason, Reference: f.Reference, By: v.account.Name}
}

// hold keeps a record from disposal.
func (v *visit) hold() error { return v.setHold(true) }

// release lets a record be disposed of again.
func (v *visit) release() error { return v.setHold(false) }

func (v *visit) setHold(on bool) error {
	id := v.r.PathValue("id")
	f := v.holdFormOf(on)
	if f.Bad != "" {
		return v.showRecord(http.StatusUnprocessableEntity, f)
	}
	switch entered, err := v.s.records.HoldAll(v.r.Context(), []string{id}, v.entry(f, on)); {
	case err != nil:
		return err
	case entered == 0: // a colleague was quicker, or the button was pressed twice
		f.Bad = "hold.already"
		return v.showRecord(http.StatusConflict, f)
	}
	v.redirect("/archive/record/" + id)
	return nil
}

// holdFound keeps all that a search finds from disposal. How many they are is written out, so that nobody holds what they have not looked at.
func (v *visit) holdFound() error {
	f := v.holdFormOf(true)
	form, search := v.searchOf()
	search.Limit = archive.MostCounted + 1
	found, err := v.s.records.List(v.r.Context(), search)
	if err != nil {
		return err
	}
	n, err := strconv.Atoi(f.Number)
	if f.Bad == "" && (err != nil || n != len(found) || n > archive.MostCounted || n == 0) {
		f.Bad = "hold.badnumber"
	}
	if f.Bad != "" || form.query() == "" || form.Bad != "" {
		return v.showArchive(http.StatusUnprocessableEntity, f)
	}
	ids := make([]string, len(found))
	for i, r := range found {
		ids[i] = r.ID
	}
	switch entered, err := v.s.records.HoldAll(v.r.Context(), ids, v.entry(f, true)); {
	case err != nil:
		return err
	case entered == 0:
		f.Bad = "hold.allheld"
		return v.showArchive(http.StatusConflict, f)
	}
	v.redirect("/archive/holds")
	return nil
}

// holdsView lists what is held.
type holdsView struct {
	Held []archive.HeldRecord
	Next int64 // the leaf to go on before; 0 when there are no more
}

func (v *visit) holdsPage() error {
	before, _ := strconv.ParseInt(v.r.URL.Query().Get("before"), 10, 64) // else from the latest
	held, err := v.s.records.Holds(v.r.Context(), before, recordsPage+1)
	if err != nil {
		return err
	}
	view := holdsView{Held: held}
	if len(held) > recordsPage {
		view.Held = held[:recordsPage]
		view.Next = held[recordsPage-1].Leaf
	}
	return v.show(http.StatusOK, "holds", page{Title: "hold.title", Section: "archive", Content: view})
}

// showRecord shows the record that the path names, and what was filled in about its hold.
func (v *visit) showRecord(status int, form holdForm) error {
	full, err := v.s.records.Show(v.r.Context(), v.r.PathValue("id"))
	if err != nil {
		return err
	}
	if full.Disposed != nil {
		if status != http.StatusOK {
			return moderation.ErrNotFound
		}
		return v.show(status, "disposed", page{Title: "record.title", Section: "archive", Content: full})
	}
	view := v.recordView(full)
	view.Form = form
	return v.show(status, "record", page{Title: "record.title", Section: "archive", Content: view})
}
