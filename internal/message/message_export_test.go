package message

import "time"

// SetTimeout has the postman wait less long for an answer.
func (p *Postman) SetTimeout(d time.Duration) { p.timeout = d }
