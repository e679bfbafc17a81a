package console

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"
	"unicode/utf8"

	"golang.org/x/crypto/argon2"
	"golang.org/x/text/unicode/norm"
)

// The cost of one password: 19 MiB of memory, two passes, one lane – OWASP's Password Storage Cheat Sheet. They stand in each
// hash, so that they can be raised without anybody losing a password.
const (
	argonMemory  = 19 * 1024 // KiB
	argonTime    = 2
	argonLanes   = 1
	argonKeySize = 32
)

// A password is long rather than odd; its upper bound keeps a request from buying hours of hashing.
const (
	passwordMin = 12
	passwordMax = 256
)

// argonSlots bounds how many passwords are computed at once, and so the memory that strangers can make us take.
var argonSlots = make(chan struct{}, 2)

// dummyHash is compared with when there is no account, so that it takes as long as when there is one.
var dummyHash = encodeHash(argonMemory, argonTime, argonLanes, make([]byte, 16), make([]byte, argonKeySize))

// hashPassword returns the argon2id hash of a password, with its parameters and a salt of its own.
func hashPassword(password string) (string, error) {
	password = norm.NFKC.String(password) // the same letters typed on another keyboard are the same password
	if n := utf8.RuneCountInString(password); n < passwordMin || n > passwordMax {
		return "", fmt.Errorf("%w: a password has %d to %d characters", ErrBadAccount, passwordMin, passwordMax)
	}
	salt := make([]byte, 16)
	if _, err := rand.Read(salt); err != nil {
		return "", fmt.Errorf("salt: %w", err)
	}
	argonSlots <- struct{}{}
	defer func() { <-argonSlots }()
	key := argon2.IDKey([]byte(password), salt, argonTime, argonMemory, argonLanes, argonKeySize)
	return encodeHash(argonMemory, argonTime, argonLanes, salt, key), nil
}

func encodeHash(memory, time uint32, lanes uint8, salt, key []byte) string {
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, memory, time, lanes,
		base64.RawStdEncoding.EncodeToString(salt), base64.RawStdEncoding.EncodeToString(key))
}

// checkPassword tells whether password is the one that hash was made from. An empty or unreadable hash fits no password, and takes
// as long to say so.
func checkPassword(ctx context.Context, hash, password string) bool {
	memory, time, lanes, salt, key, ok := decodeHash(hash)
	if !ok {
		memory, time, lanes, salt, key, _ = decodeHash(dummyHash)
	}
	if len(password) > 4*passwordMax {
		password, ok = "", false
	}
	select {
	case argonSlots <- struct{}{}:
		defer func() { <-argonSlots }()
	case <-ctx.Done():
		return false
	}
	given := argon2.IDKey([]byte(norm.NFKC.String(password)), salt, time, memory, lanes, uint32(len(key)))
	return subtle.ConstantTimeCompare(given, key) == 1 && ok
}

func decodeHash(hash string) (memory, time uint32, lanes uint8, salt, key []byte, ok bool) {
	parts := strings.Split(hash, "$")
	if len(parts) != 6 || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return
	}
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &memory, &time, &lanes); err != nil || time < 1 || lanes < 1 {
		return
	}
	var err error
	if salt, err = base64.RawStdEncoding.DecodeString(parts[4]); err != nil {
		return
	}
	if key, err = base64.RawStdEncoding.DecodeString(parts[5]); err != nil || len(key) < 16 {
		return
	}
	return memory, time, lanes, salt, key, true
}
