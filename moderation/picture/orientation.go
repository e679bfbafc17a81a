package picture

import (
	"bytes"
	"encoding/binary"
	"image"
)

// orient turns a picture upright. o is an EXIF orientation, 1 to 8; anything else leaves it as it is.
func orient(src *image.RGBA, o int) *image.RGBA {
	if o < 2 || o > 8 {
		return src
	}
	w, h := src.Rect.Dx(), src.Rect.Dy()
	dst := image.NewRGBA(image.Rect(0, 0, w, h))
	if o >= 5 {
		dst = image.NewRGBA(image.Rect(0, 0, h, w))
	}
	for y := range h {
		for x := range w {
			var at image.Point // where the dot at x, y belongs
			switch o {
			case 2: // mirrored
				at = image.Pt(w-1-x, y)
			case 3: // upside down
				at = image.Pt(w-1-x, h-1-y)
			case 4:
				at = image.Pt(x, h-1-y)
			case 5:
				at = image.Pt(y, x)
			case 6: // a quarter turn clockwise sets it right
				at = image.Pt(h-1-y, x)
			case 7:
				at = image.Pt(h-1-y, w-1-x)
			case 8:
				at = image.Pt(y, w-1-x)
			}
			copy(dst.Pix[dst.PixOffset(at.X, at.Y):][:4], src.Pix[src.PixOffset(x, y):][:4])
		}
	}
	return dst
}

// orientation reads a picture's EXIF orientation, 1 to 8; 1 when it says none.
func orientation(content []byte) int {
	var exif []byte
	switch {
	case bytes.HasPrefix(content, []byte("\xff\xd8")):
		exif = exifOfJPEG(content[2:])
	case bytes.HasPrefix(content, []byte("\x89PNG\r\n\x1a\n")):
		exif = exifOfPNG(content[8:])
	case len(content) > 12 && string(content[:4]) == "RIFF":
		exif = exifOfWebP(content[12:])
	}
	return orientationOf(bytes.TrimPrefix(exif, []byte("Exif\x00\x00")))
}

// exifOfJPEG walks the segments before the first scan (ITU T.81, B.1.1).
func exifOfJPEG(b []byte) []byte {
	for len(b) >= 4 && b[0] == 0xff {
		marker, length := b[1], int(binary.BigEndian.Uint16(b[2:]))
		switch {
		case marker == 0xff: // padding
			b = b[1:]
			continue
		case marker == 0xda || length < 2 || length+2 > len(b):
			return nil
		case marker == 0xe1 && bytes.HasPrefix(b[4:2+length], []byte("Exif\x00\x00")):
			return b[4 : 2+length]
		}
		b = b[2+length:]
	}
	return nil
}

// exifOfPNG walks the chunks (PNG 3rd edition, 5.3).
func exifOfPNG(b []byte) []byte {
	for len(b) >= 12 {
		length := uint64(binary.BigEndian.Uint32(b))
		if length+12 > uint64(len(b)) {
			return nil
		}
		if string(b[4:8]) == "eXIf" {
			return b[8 : 8+length]
		}
		b = b[12+length:]
	}
	return nil
}

// exifOfWebP walks the chunks (RFC 9649, 2.3); each is padded to an even length.
func exifOfWebP(b []byte) []byte {
	for len(b) >= 8 {
		length := uint64(binary.LittleEndian.Uint32(b[4:]))
		if length+8 > uint64(len(b)) {
			return nil
		}
		if string(b[:4]) == "EXIF" {
			return b[8 : 8+length]
		}
		b = b[min(8+length+length%2, uint64(len(b))):]
	}
	return nil
}

// orientationOf reads tag 0x0112 of the first directory of a TIFF file, which EXIF is.
func orientationOf(b []byte) int {
	var order binary.ByteOrder
	switch {
	case bytes.HasPrefix(b, []byte("II*\x00")):
		order = binary.LittleEndian
	case bytes.HasPrefix(b, []byte("MM\x00*")):
		order = binary.BigEndian
	default:
		return 1
	}
	if len(b) < 8 {
		return 1
	}
	at := uint64(order.Uint32(b[4:]))
	if at+2 > uint64(len(b)) {
		return 1
	}
	entries := b[at+2:]
	for n := order.Uint16(b[at:]); n > 0 && len(entries) >= 12; n-- {
		if order.Uint16(entries) == 0x0112 {
			if o := int(order.Uint16(entries[8:])); o >= 1 && o <= 8 {
				return o
			}
			return 1
		}
		entries = entries[12:]
	}
	return 1
}
