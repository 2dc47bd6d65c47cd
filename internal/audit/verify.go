package audit

import (
	"cmp"
	"context"
	"fmt"
	"slices"

	"sportello/internal/store"
)

// Report is what Verify found.
type Report struct {
	Chains []Chain `json:"chains"`
}

// Whole reports whether every chain is.
func (r Report) Whole() bool {
	return !slices.ContainsFunc(r.Chains, func(c Chain) bool { return c.Fault != nil })
}

// Chain is what Verify found in one scope.
type Chain struct {
	Scope string `json:"scope"`
	Lines int64  `json:"lines"` // that fit, up to the fault
	// Early of them were written before there was a chain: they are as they were when the next line
	// was recorded. While that has not come, nothing vouches for them.
	Early int64  `json:"early"`
	Fault *Fault `json:"fault"` // nil: the chain is whole
}

// Fault is the first place at which a chain is not whole.
type Fault struct {
	Code    FaultCode `json:"code"`
	Version int64     `json:"version"`
	Line    int64     `json:"line"`
}

// FaultCode says in what a chain is not whole.
type FaultCode string

// What can be wrong with a chain.
const (
	// DoesNotFit is a line that was changed, or before which lines were changed, removed, put in or
	// moved.
	DoesNotFit FaultCode = "does_not_fit"
	// CutOff is a head behind which lines are missing: the chain ends before it.
	CutOff FaultCode = "cut_off"
	// BeyondHead is a line after the head, or of a scope without one.
	BeyondHead FaultCode = "beyond_head"
	// NotAsNoted is a line that is another, or not there, than when its head was noted elsewhere.
	NotAsNoted FaultCode = "not_as_noted"
)

const selectAll = `SELECT ` + columns + ` FROM audit ORDER BY scope, version, line`

// Verify walks all chains, in memory that does not grow with them, and compares them with audit_heads
// and with heads noted elsewhere; there need be none.
func Verify(ctx context.Context, tx *store.Tx, noted []Head) (Report, error) {
	heads, err := readHeads(ctx, tx)
	if err != nil {
		return Report{}, fmt.Errorf("verify audit: %w", err)
	}
	v := verifier{heads: heads, noted: byScope(noted)}
	err = walk(ctx, tx, selectAll, nil, func(l Line) error {
		v.line(l)
		return nil
	})
	if err != nil {
		return Report{}, fmt.Errorf("verify audit: %w", err)
	}
	v.end()
	v.empty()
	slices.SortFunc(v.report.Chains, func(a, b Chain) int { return cmp.Compare(a.Scope, b.Scope) })
	return v.report, nil
}

// byScope sorts heads into those of each scope, in the order of its chain.
func byScope(heads []Head) map[string][]Head {
	all := make(map[string][]Head)
	for _, h := range heads {
		all[h.Scope] = append(all[h.Scope], h)
	}
	for _, of := range all {
		slices.SortFunc(of, Head.compare)
	}
	return all
}

// compare orders heads of one scope.
func (h Head) compare(o Head) int {
	return cmp.Or(cmp.Compare(h.Version, o.Version), cmp.Compare(h.Line, o.Line))
}

// verifier walks lines in the order of scope, version and line.
type verifier struct {
	report Report
	heads  map[string]Head   // of the scopes not met yet
	noted  map[string][]Head // not met yet

	chain  *Chain // of the scope it is in; nil before the first
	last   Head   // the last line that fits
	sealed bool   // a line with a hash was met
}

func (v *verifier) line(l Line) {
	if v.chain == nil || v.chain.Scope != l.Scope {
		v.end()
		v.chain, v.last, v.sealed = &Chain{Scope: l.Scope}, Head{Scope: l.Scope}, false
	}
	if v.chain.Fault != nil {
		return
	}
	here := Head{l.Scope, l.Version, l.Line, l.sum(v.last.Hash)}
	switch {
	case l.Hash != here.Hash && (l.Hash != "" || v.sealed):
		v.fault(DoesNotFit, here)
	case v.heads[l.Scope].compare(here) < 0:
		v.fault(BeyondHead, here)
	default:
		v.compare(here)
	}
	if v.chain.Fault != nil {
		return
	}
	v.chain.Lines++
	if v.sealed = l.Hash != ""; !v.sealed {
		v.chain.Early++
	}
	v.last = here
}

// compare holds a line that fits against the heads noted up to it.
func (v *verifier) compare(here Head) {
	noted := v.noted[here.Scope]
	for len(noted) > 0 && noted[0].compare(here) <= 0 {
		if noted[0] != here {
			v.fault(NotAsNoted, noted[0])
			return
		}
		noted = noted[1:]
	}
	v.noted[here.Scope] = noted
}

func (v *verifier) fault(code FaultCode, at Head) {
	v.chain.Fault = &Fault{Code: code, Version: at.Version, Line: at.Line}
}

// end settles the chain of a scope after its last line.
func (v *verifier) end() {
	if v.chain == nil {
		return
	}
	scope := v.chain.Scope
	if v.chain.Fault == nil {
		head, noted := v.heads[scope], v.noted[scope]
		switch {
		case head.compare(v.last) != 0:
			v.fault(CutOff, head)
		case head.Hash != v.last.Hash && (head.Hash != "" || v.sealed):
			v.fault(DoesNotFit, head)
		case len(noted) > 0:
			v.fault(NotAsNoted, noted[0])
		}
	}
	v.report.Chains = append(v.report.Chains, *v.chain)
	delete(v.heads, scope)
	delete(v.noted, scope)
}

// empty settles the scopes of which a head is known and no line is left.
func (v *verifier) empty() {
	for scope, head := range v.heads {
		c := Chain{Scope: scope, Fault: &Fault{CutOff, head.Version, head.Line}}
		v.report.Chains = append(v.report.Chains, c)
		delete(v.noted, scope)
	}
	for scope, noted := range v.noted {
		c := Chain{Scope: scope, Fault: &Fault{NotAsNoted, noted[0].Version, noted[0].Line}}
		v.report.Chains = append(v.report.Chains, c)
	}
}
