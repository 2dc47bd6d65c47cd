package message

import "time"

// SetTimeout has the postman wait less long for an answer.
func (p *Postman) SetTimeout(d time.Duration) { p.timeout = d }

// SetTimeout has the courier wait less long for an answer.
func (c *Courier) SetTimeout(d time.Duration) { c.client.Timeout = d }

// Sign signs a call.
func (g Gateway) Sign(id, timestamp string, body []byte) string { return g.sign(id, timestamp, body) }
