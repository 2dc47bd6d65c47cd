package access

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
)

// The cost of a password, as OWASP's Password Storage Cheat Sheet has it for argon2id: 19 MiB of
// memory, two passes, one lane.
const (
	argonMemory  = 19 * 1024 // KiB
	argonPasses  = 2
	argonLanes   = 1
	argonSaltLen = 16
	argonKeyLen  = 32
)

// HashPassword returns the argon2id hash of a password as a PHC string. It takes some 30 ms and
// 19 MiB: never inside a transaction.
func HashPassword(password string) string {
	salt := make([]byte, argonSaltLen)
	_, _ = rand.Read(salt) // never fails (crypto/rand)
	key := argon2.IDKey([]byte(password), salt, argonPasses, argonMemory, argonLanes, argonKeyLen)
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, argonMemory, argonPasses, argonLanes,
		base64.RawStdEncoding.EncodeToString(salt), base64.RawStdEncoding.EncodeToString(key))
}

// checkPassword reports whether password has the given hash. It takes as long for a hash that is
// none, so that an unknown login cannot be told from a wrong password by the time it takes.
func checkPassword(hash, password string) bool {
	parts := strings.Split(hash, "$")
	memory, passes, lanes := uint32(argonMemory), uint32(argonPasses), uint8(argonLanes)
	salt, want := make([]byte, argonSaltLen), []byte(nil)
	if len(parts) == 6 && parts[1] == "argon2id" {
		_, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &memory, &passes, &lanes)
		s, err1 := base64.RawStdEncoding.DecodeString(parts[4])
		k, err2 := base64.RawStdEncoding.DecodeString(parts[5])
		if err == nil && err1 == nil && err2 == nil && len(k) == argonKeyLen {
			salt, want = s, k
		}
	}
	got := argon2.IDKey([]byte(password), salt, passes, memory, lanes, argonKeyLen)
	return want != nil && subtle.ConstantTimeCompare(got, want) == 1
}
