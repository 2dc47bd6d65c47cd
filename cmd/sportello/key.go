package main

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"sportello/booking"
)

// keyFile is where a data folder has the installation's secret, which only its owner may read. Servers
// that share a database share a key.
const keyFile = "key"

const keyBytes = 32

// readKey returns the secret of a data folder. It is made when there is none yet.
func readKey(data string) (booking.Key, error) {
	path := filepath.Join(data, keyFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err := makeKey(data, path); err != nil {
			return nil, hint(fmt.Errorf("secret key: %w", err), "Name a folder that you may write to with --data.")
		}
		text, err = os.ReadFile(path)
	}
	if err != nil {
		return nil, hint(fmt.Errorf("secret key: %w", err), "Run it as the one who runs the server.")
	}
	key, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(key) != keyBytes {
		return nil, hint(fmt.Errorf("%s is no key of sportello", path), "Put the one back that was there: without it nobody's appointments are known for one person's.")
	}
	return key, nil
}

// makeKey writes a new secret whole or not at all. Who is second keeps the first one's.
func makeKey(data, path string) (err error) {
	file, err := os.CreateTemp(data, keyFile+"-") // with mode 0600
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.Remove(file.Name())) }()
	key := make([]byte, keyBytes)
	_, _ = rand.Read(key) // never fails (crypto/rand)
	_, written := fmt.Fprintln(file, hex.EncodeToString(key))
	if err := errors.Join(written, file.Sync(), file.Close()); err != nil {
		return err
	}
	if err := os.Link(file.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}
