package calendar

import (
	"crypto/x509"
	"time"
)

// Trust has the guard take certificates of a test's own authority.
func (g *Guard) Trust(roots *x509.CertPool) { g.roots = roots }

// Hurry bounds how long an answer may take in all, and how long each part of it.
func (r *Reader) Hurry(all, some time.Duration) { r.patience = patience{all, some} }
