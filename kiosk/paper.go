package kiosk

import (
	"context"

	"sportello/internal/access"
	"sportello/internal/fault"
	"sportello/internal/store"
	"sportello/printouts/spool"
	"sportello/static"
)

// printerState is how the printer of a kiosk is, or the other that takes its place while it prints nothing:
// Unknown of one that is not there, or that nobody asked yet.
func printerState(ctx context.Context, tx *store.Tx, d access.Device) (spool.Condition, error) {
	state := spool.Unknown
	for _, id := range []string{d.Printer, d.Fallback} {
		p, err := spool.PrinterByID(ctx, tx, id)
		switch {
		case fault.Code(err) == "unknown_printer":
			continue
		case err != nil:
			return state, err
		case p.Condition.Prints() || state == spool.Unknown:
			state = p.Condition
		}
		if state == spool.Unknown || state.Prints() {
			break
		}
	}
	return state, nil
}

// paperWord is what citizens at a kiosk are told of its printer: the key of a message, "" nothing.
func paperWord(c spool.Condition) string {
	switch {
	case c == spool.NearEnd:
		return "lobby.paper.near_end"
	case c == spool.Unknown || c.Prints():
		return ""
	}
	return "lobby.paper.silent"
}

// paperNote is a printer that somebody of the office should look after.
type paperNote struct {
	Name, State string
	Out         bool // it prints nothing
}

// paperNotes are the printers of an office that are in trouble, or soon will be.
func (s *Server) paperNotes(ctx context.Context, lang, office string) ([]paperNote, error) {
	var all []paperNote
	err := s.db.View(ctx, func(tx *store.Tx) error {
		printers, err := spool.Printers(ctx, tx, office)
		for _, p := range printers {
			if paperWord(p.Condition) != "" {
				all = append(all, paperNote{p.Name, static.Text(lang, "manage.printer.state."+string(p.Condition)), !p.Condition.Prints()})
			}
		}
		return err
	})
	return all, err
}
