package lexicon

import "strings"

// The paradigms follow Svenska Akademiens grammatik: nouns in five declensions (plural in -or, -ar, -er, -n, and without ending), weak
// verbs of the first, second and third conjugation. Strong verbs are given form by form.
var paradigms = map[string]func(string) []string{
	"n": noun, "n1": first, "n2": second, "n3": third, "n4": fourth, "n5": fifth, "a": adjective, "v": weak, "w": weakShort, "e": english,
}

// noun guesses the declension by the ending, and takes every one that the ending allows: a form that nobody uses does little harm.
func noun(w string) []string {
	switch {
	case ends(w, "a"):
		return first(w)
	case ends(w, "are"):
		return fifth(w)
	case ends(w, "e"):
		return append(second(w), fourth(w)...)
	case ends(w, "el", "er", "en"):
		return append(second(w), third(w)...)
	case ends(w, "o", "i", "u", "y", "å", "ö"):
		return append(fourth(w), with(w, "s", "sar", "sarna", "sen", "r", "rna")...)
	case ends(w, "is", "ing"):
		return second(w)
	}
	return append(append(second(w), third(w)...), fifth(w)...)
}

// first: flicka, flickan, flickor.
func first(w string) []string {
	return append(genitives(with(w, "", "n")), genitives(with(cut(w, "a"), "or", "orna"))...)
}

// second: hund, hunden, hundar; pojke; jävel, jäveln, jävlar; dam, dammen.
func second(w string) []string {
	switch {
	case ends(w, "e"):
		return append(genitives(with(w, "", "n")), genitives(with(cut(w, "e"), "ar", "arna"))...)
	case ends(w, "el", "er", "en"):
		return append(genitives(with(w, "", "n")), genitives(with(syncope(w), "ar", "arna", "en"))...)
	case ends(w, "o", "i", "u", "y", "å", "ö"):
		return genitives(with(w, "", "n", "ar", "arna"))
	}
	return genitives(append([]string{w}, after(w, "en", "ar", "arna")...))
}

// third: idiot, idioter; neger, negrer.
func third(w string) []string {
	if ends(w, "el", "er", "en") {
		return append(genitives(with(w, "", "n")), genitives(with(syncope(w), "er", "erna"))...)
	}
	return genitives(append([]string{w}, after(w, "en", "er", "erna")...))
}

// fourth: äpple, äpplet, äpplen; pucko.
func fourth(w string) []string { return genitives(with(w, "", "t", "n", "na")) }

// fifth: hus, huset, husen; lärare, läraren, lärarna; huvud.
func fifth(w string) []string {
	if ends(w, "are") {
		return append(genitives(with(w, "", "n")), genitives(with(cut(w, "e"), "na"))...)
	}
	if ends(w, "el", "er", "en") {
		return append(genitives([]string{w}), genitives(with(syncope(w), "et", "en"))...)
	}
	return genitives(append([]string{w}, after(w, "et", "en")...))
}

// adjective: positive, comparative and superlative.
func adjective(w string) []string {
	switch {
	case ends(w, "ad"):
		return []string{w, cut(w, "d") + "t", w + "e"}
	case ends(w, "a", "e"):
		return []string{w, w + "s"}
	case ends(w, "en"):
		return append([]string{w, cut(w, "n") + "t"}, compared(syncope(w))...)
	case ends(w, "el", "er"):
		return append([]string{w, w + "t"}, compared(syncope(w))...)
	case ends(w, "nd", "ld", "rd"):
		return append([]string{w, cut(w, "d") + "t"}, compared(w)...)
	case ends(w, "dd"):
		return append([]string{w, cut(w, "dd") + "tt"}, compared(w)...)
	case ends(w, "d"):
		return append([]string{w, cut(w, "d") + "tt"}, compared(w)...)
	case ends(w, "tt", "st", "kt", "ft", "nt", "rt"):
		return append([]string{w}, compared(w)...)
	case ends(w, "t"):
		return append([]string{w, w + "t"}, compared(w)...)
	case ends(w, "nn"):
		return append([]string{w, cut(w, "nn") + "nt"}, compared(w)...)
	case ends(w, "å", "i", "y"):
		return append([]string{w, w + "tt"}, compared(w)...)
	}
	return append([]string{w, w + "t"}, after(w, "a", "e", "are", "ast", "aste")...)
}

func compared(stem string) []string { return with(stem, "a", "e", "are", "ast", "aste") }

// weak is the first conjugation: kasta, kastar, kastade, kastat, kastad, kastas.
func weak(w string) []string {
	return with(w, "", "r", "de", "t", "d", "s", "ts", "des", "nde")
}

// weakShort is the second conjugation (bränna, brände; köpa, köpte; köra, körde) and the third (spy, spydde).
func weakShort(w string) []string {
	if !ends(w, "a") {
		return with(w, "", "r", "dde", "tt", "dd", "s", "tts", "ddes", "ende")
	}
	stem := cut(w, "a")
	forms := append(with(stem, "a", "er", "", "as", "s", "ande"), stem+"es")
	short := stem
	if n := len(stem); n > 2 && stem[n-1] == stem[n-2] && strings.IndexByte("mn", stem[n-1]) >= 0 {
		short = stem[:n-1]
	}
	switch {
	case ends(stem, "k", "p", "t", "s", "x"):
		return append(forms, with(short, "te", "t", "ta", "ts", "tes")...)
	case ends(stem, "nd", "ld", "rd"):
		return append(forms, cut(stem, "d")+"de", cut(stem, "d")+"t", cut(stem, "d")+"ts")
	case ends(stem, "d"):
		return append(forms, stem+"de", cut(stem, "d")+"tt", stem+"des")
	}
	return append(forms, with(short, "de", "t", "d", "da", "ts", "des")...)
}

// english: a noun's plural and a verb's forms alike.
func english(w string) []string {
	switch {
	case ends(w, "e"):
		return append(with(w, "", "s", "'s", "d", "r", "rs"), cut(w, "e")+"ing")
	case ends(w, "y") && !ends(w, "ay", "ey", "oy", "uy"):
		return append(with(w, "", "'s", "ing"), with(cut(w, "y"), "ies", "ied", "ier")...)
	case ends(w, "s", "x", "z", "sh", "ch"):
		return with(w, "", "es", "'s", "ed", "ing", "er", "ers")
	}
	return with(w, "", "s", "'s", "ed", "ing", "er", "ers", "in")
}

func ends(w string, suffixes ...string) bool {
	for _, s := range suffixes {
		if strings.HasSuffix(w, s) && len(w) > len(s) {
			return true
		}
	}
	return false
}

func cut(w, suffix string) string { return strings.TrimSuffix(w, suffix) }

func with(stem string, endings ...string) []string {
	forms := make([]string, len(endings))
	for i, e := range endings {
		forms[i] = stem + e
	}
	return forms
}

// genitives adds an s to each form that does not end in one.
func genitives(forms []string) []string {
	for _, f := range forms {
		if !strings.HasSuffix(f, "s") {
			forms = append(forms, f+"s")
		}
	}
	return forms
}

// syncope drops the vowel of an unstressed ending: jävel, jävl-; efterbliven, efterblivn-. A double consonant becomes single
// (himmel, himl-).
func syncope(w string) string {
	stem, last := w[:len(w)-2], w[len(w)-1:]
	if n := len(stem); n > 1 && stem[n-1] == stem[n-2] && strings.IndexByte("mn", stem[n-1]) >= 0 {
		stem = stem[:n-1]
	}
	return stem + last
}

// after adds endings that begin with a vowel. An m after one short vowel is then written twice (dum, dumma; avskum, avskummet), in one
// syllable always; in longer words (system, systemet) both ways are given. An n is left alone: svin and svinn are two words.
func after(w string, endings ...string) []string {
	n, vowels := len(w), 0
	for _, r := range w {
		if isVowel(r) {
			vowels++
		}
	}
	if n < 3 || w[n-1] != 'm' || strings.IndexByte("aeiouy", w[n-2]) < 0 {
		return with(w, endings...)
	}
	if vowels == 1 {
		return with(w+"m", endings...)
	}
	return append(with(w, endings...), with(w+"m", endings...)...)
}
