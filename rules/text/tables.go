package text

// The tables below were made from Unicode 15's compatibility decompositions (NFKC) and the confusables of UTS 39, lower-cased,
// with additions by hand: negative circled and squared letters, small capitals, turned letters, dashes and quotation
// marks. Letters that living languages write words with (é, ø, ł, ı) are in neither: see variants.

import "sort"

// run is a stretch of characters from First on, and what each stands for; 0 for nothing.
type run struct {
	first rune
	as    []rune
}

// lookup finds what c stands for in a table, or 0.
func lookup(table []run, c rune) rune {
	i := sort.Search(len(table), func(i int) bool { return table[i].first > c }) - 1
	if i < 0 || int(c-table[i].first) >= len(table[i].as) {
		return 0
	}
	return table[i].as[c-table[i].first]
}

// styled are characters that are plain ones in another dress.
var styled = []run{
	{0x00AA, []rune("a\"")},
	{0x00B2, []rune("23'\x00\x00.\x001o\"")},
	{0x017F, []rune("s")},
	{0x0188, []rune("c")},
	{0x0192, []rune("f")},
	{0x0199, []rune("k")},
	{0x01AD, []rune("t")},
	{0x01DD, []rune("e")},
	{0x0237, []rune("j")},
	{0x0250, []rune("aa\x00bc\x00dd\x00e\x00e\x00\x00\x00j\x00gg\x00\x00h\x00\x00iii")},
	{0x026F, []rune("w")},
	{0x0274, []rune("no\x00\x00\x00r")},
	{0x0280, []rune("r")},
	{0x0287, []rune("ttu\x00vvwyy")},
	{0x0299, []rune("b\x00\x00h\x00kl")},
	{0x02B0, []rune("h\x00jr\x00\x00\x00wy")},
	{0x02E1, []rune("lsx")},
	{0x060C, []rune(",")},
	{0x061B, []rune(";")},
	{0x061F, []rune("?")},
	{0x06D4, []rune(".")},
	{0x1D00, []rune("a\x00\x00\x00cd\x00e\x00\x00jk\x00m\x00o")},
	{0x1D18, []rune("p\x00\x00tu\x00\x00\x00vwz")},
	{0x1D2C, []rune("a\x00b\x00de\x00ghijklmn\x00o\x00prtuwa\x00\x00\x00bde\x00\x00\x00g\x00km\x00o\x00\x00\x00ptu\x00\x00v")},
	{0x1D62, []rune("iruv")},
	{0x1D9C, []rune("c\x00\x00\x00f")},
	{0x1DBB, []rune("z")},
	{0x2010, []rune("------\x00\x00''''\"\"\"\"\x00\x00*\x00.\x00..")},
	{0x2033, []rune("\"")},
	{0x2044, []rune("/")},
	{0x204E, []rune("*")},
	{0x2070, []rune("0i\x00\x00456789+\x00=()n0123456789+\x00=()\x00aeox\x00hklmnpst")},
	{0x2102, []rune("c")},
	{0x210A, []rune("ghhhh\x00iill\x00n\x00\x00\x00pqrrr")},
	{0x2124, []rune("z\x00\x00\x00z\x00kåbc\x00eef\x00mo")},
	{0x2139, []rune("i")},
	{0x2145, []rune("ddeij")},
	{0x2160, []rune("i\x00\x00\x00v")},
	{0x2169, []rune("x\x00\x00lcdmi\x00\x00\x00v")},
	{0x2179, []rune("x\x00\x00lcdm")},
	{0x2212, []rune("-\x00\x00/\x00*")},
	{0x2460, []rune("123456789")},
	{0x24B6, []rune("abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz0")},
	{0x25CF, []rune("*")},
	{0x2731, []rune("*\x00*\x00\x00*")},
	{0x2C65, []rune("a")},
	{0x2C6A, []rune("k")},
	{0x2C7C, []rune("jv")},
	{0x3002, []rune(".")},
	{0xA730, []rune("fs")},
	{0xA741, []rune("k\x00k")},
	{0xA7AF, []rune("q")},
	{0xA7F2, []rune("cfq")},
	{0xFB29, []rune("+")},
	{0xFE10, []rune(",\x00\x00:;!?")},
	{0xFE33, []rune("__(){}")},
	{0xFE47, []rune("[]")},
	{0xFE4D, []rune("___,\x00.\x00;:?!\x00(){}\x00\x00#&*+-<>=\x00\\$%@")},
	{0xFF01, []rune("!\"#$%&'()*+,-./0123456789:;<=>?@abcdefghijklmnopqrstuvwxyz[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~")},
	{0x107A5, []rune("q")},
	{0x1D400, []rune("abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefg\x00ijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyza\x00cd\x00\x00g\x00\x00jk\x00\x00nopq\x00stuvwxyzabcd\x00f\x00hijklmn\x00pqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzab\x00defg\x00\x00jklmnopq\x00stuvwxy\x00abcdefghijklmnopqrstuvwxyzab\x00defg\x00ijklm\x00o\x00\x00\x00stuvwxy\x00abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz")},
	{0x1D7CE, []rune("01234567890123456789012345678901234567890123456789")},
	{0x1F12B, []rune("cr\x00\x00\x00abcdefghijklmnopqrstuvwxyz")},
	{0x1F150, []rune("abcdefghijklmnopqrstuvwxyz")},
	{0x1F170, []rune("abcdefghijklmnopqrstuvwxyz")},
	{0x1FBF0, []rune("0123456789")},
}

// lookalikes are letters of other alphabets that pass for Latin ones.
var lookalikes = []run{
	{0x0263, []rune("y")},
	{0x037A, []rune("i")},
	{0x0397, []rune("h")},
	{0x039C, []rune("mn")},
	{0x03A5, []rune("y")},
	{0x03AC, []rune("aeni\x00abydezn\x00ikluv\x00onpsotu\x00x\x00w\x00\x00ouw\x00\x00\x00y")},
	{0x03DD, []rune("f")},
	{0x03F1, []rune("pcj")},
	{0x03FB, []rune("m")},
	{0x0430, []rune("abbrde\x00zn\x00klmhonpcty\x00xu\x00ww\x00\x00be\x00r\x00e\x00\x00esiij")},
	{0x0461, []rune("w")},
	{0x0475, []rune("v")},
	{0x0493, []rune("f")},
	{0x04AF, []rune("y")},
	{0x04BB, []rune("h\x00e")},
	{0x04CF, []rune("l\x00å\x00ä")},
	{0x04E7, []rune("ö")},
	{0x0501, []rune("d")},
	{0x050D, []rune("g")},
	{0x051B, []rune("q\x00w")},
	{0x0561, []rune("w\x00q\x00\x00q")},
	{0x056C, []rune("l\x00\x00\x00h\x00n\x00\x00j\x00\x00n\x00\x00\x00nu\x00s\x00g\x00\x00fo")},
	{0x13FB, []rune("gb")},
	{0x1D11, []rune("o")},
	{0x1D26, []rune("r")},
	{0x1D83, []rune("g")},
	{0x1D8C, []rune("y")},
	{0x1E9D, []rune("f")},
	{0x1EFF, []rune("y")},
	{0x1FBE, []rune("i")},
	{0x2C85, []rune("r")},
	{0x2C8F, []rune("h\x00\x00\x00l\x00k\x00\x00\x00m\x00n\x00\x00\x00o\x00\x00\x00p\x00c\x00t\x00y\x00\x00\x00x")},
	{0x2CD1, []rune("l")},
	{0xA4D0, []rune("bpddt\x00gk\x00jc\x00zf\x00mnlsr\x00\x00vh\x00\x00wxy\x00a\x00e\x00lou")},
	{0xA647, []rune("i")},
	{0xA799, []rune("f")},
	{0xA79F, []rune("u")},
	{0xAB32, []rune("e\x00\x00f")},
	{0xAB3D, []rune("o")},
	{0xAB47, []rune("rr")},
	{0xAB4E, []rune("u\x00\x00\x00u")},
	{0xAB5A, []rune("y")},
	{0xAB70, []rune("drt\x00\x00i\x00\x00\x00yaje")},
	{0xAB81, []rune("r\x00w\x00\x00\x00m\x00\x00\x00h\x00y\x00\x00g\x00hz")},
	{0xAB9F, []rune("b\x00\x00r\x00ws\x00\x00\x00vs\x00\x00\x00lc\x00\x00p\x00\x00\x00kd")},
}
