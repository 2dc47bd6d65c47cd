package calendar

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"

	"sportello/booking"
)

// Access is how a source is reached. All of it is secret: who has the address of a feed reads it.
type Access struct {
	Address string `json:"address"` // https://…
	User    string `json:"user,omitempty"`
	Secret  string `json:"secret,omitempty"`
}

// ErrSealed means that what was sealed cannot be opened: the installation's key is another one.
var ErrSealed = errors.New("sealed with another key")

// sealer is AES-256-GCM with a key of its own, made of the installation's (RFC 5869).
func sealer(key booking.Key) (cipher.AEAD, error) {
	own, err := hkdf.Key(sha256.New, key, nil, "sportello calendar access", 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(own)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// seal encrypts a for the source of an id, and for no other.
func (a Access) seal(key booking.Key, id string) (string, error) {
	text, err := json.Marshal(a)
	if err != nil {
		return "", fmt.Errorf("seal: %w", err)
	}
	aead, err := sealer(key)
	if err != nil {
		return "", fmt.Errorf("seal: %w", err)
	}
	return base64.RawStdEncoding.EncodeToString(aead.Seal(nil, nil, text, []byte(id))), nil
}

// Access returns how a source is reached, or ErrSealed.
func (s Source) Access(key booking.Key) (Access, error) {
	aead, err := sealer(key)
	if err != nil {
		return Access{}, fmt.Errorf("open: %w", err)
	}
	sealed, err := base64.RawStdEncoding.DecodeString(s.sealed)
	if err != nil {
		return Access{}, ErrSealed
	}
	text, err := aead.Open(nil, nil, sealed, []byte(s.ID))
	if err != nil {
		return Access{}, ErrSealed
	}
	var a Access
	if err := json.Unmarshal(text, &a); err != nil {
		return Access{}, fmt.Errorf("open: %w", err)
	}
	return a, nil
}
