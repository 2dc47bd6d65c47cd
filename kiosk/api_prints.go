package kiosk

import (
	"context"
	"net/http"
	"slices"

	"github.com/labstack/echo/v4"

	"sportello/internal/fault"
	"sportello/internal/store"
	"sportello/printouts/spool"
)

// errNotDriven means that a print agent has no printer, or one that it does not drive.
var errNotDriven = fault.New(fault.Missing, "unknown_printer", "printer", "")

// pullBody is a print agent's question for a job.
type pullBody struct {
	Holder    string          `json:"holder"`    // this run of its program
	Condition spool.Condition `json:"condition"` // of its printer
}

func (b *pullBody) check(w *wrongs) {
	w.need("holder", b.Holder)
	w.need("condition", string(b.Condition))
	w.among("condition", string(b.Condition), texts(spool.Conditions))
}

// settleBody is what became of a job.
type settleBody spool.Result

func (b *settleBody) check(w *wrongs) {
	w.need("state", string(b.State))
	w.among("state", string(b.State), texts(spool.Results))
	w.among("condition", string(b.Condition), texts(spool.Conditions))
	if b.Attempt < 1 {
		w.add("attempt", fieldRange)
	}
	if !slices.Contains(printDetails, b.Detail) && !slices.Contains(spool.Conditions, spool.Condition(b.Detail)) {
		w.add("detail", fieldValue)
	}
}

// printDetails are the reasons that an agent may give, beside the conditions of its printer.
var printDetails = []string{"", spool.Unprintable, spool.UnknownURI, spool.Unwritable, spool.Full, spool.Interrupted, spool.Unanswered}

// texts are values as they stand in a body.
func texts[T ~string](values []T) []string {
	all := make([]string, len(values))
	for i, v := range values {
		all[i] = string(v)
	}
	return all
}

// apiPull gives a print agent the next job of its printer, or no content. No key is needed: whoever asks
// again before settling it gets the same job.
func (s *Server) apiPull(c echo.Context, v visitor) error {
	var body pullBody
	if err := decode(c, &body); err != nil {
		return err
	}
	ctx := c.Request().Context()
	quiet := false
	err := s.db.View(ctx, func(tx *store.Tx) error {
		p, err := driven(ctx, tx, v)
		if err != nil {
			return err
		}
		quiet, err = spool.Quiet(ctx, tx, p, body.Condition)
		return err
	})
	if err != nil || quiet {
		return answer(c, err)
	}
	var job spool.Leased
	found := false
	err = s.db.Update(ctx, func(tx *store.Tx) error {
		p, err := driven(ctx, tx, v)
		if err != nil {
			return err
		}
		job, found, err = spool.Lease(ctx, tx, p.ID, body.Holder, body.Condition)
		return err
	})
	if err != nil || !found {
		return answer(c, err)
	}
	return c.JSON(http.StatusOK, job)
}

// apiSettle notes what became of a job. Told again, it changes nothing.
func (s *Server) apiSettle(c echo.Context, v visitor) error {
	var body settleBody
	if err := decode(c, &body); err != nil {
		return err
	}
	ctx := c.Request().Context()
	return answer(c, s.db.Update(ctx, func(tx *store.Tx) error {
		p, err := driven(ctx, tx, v)
		if err != nil {
			return err
		}
		return spool.Settle(ctx, tx, p.ID, c.Param("id"), spool.Result(body))
	}))
}

// answer is no content, or the error.
func answer(c echo.Context, err error) error {
	if err != nil {
		return err
	}
	return c.NoContent(http.StatusNoContent)
}

// driven is the printer that a print agent drives.
func driven(ctx context.Context, tx *store.Tx, v visitor) (spool.Printer, error) {
	if v.device.Printer == "" {
		return spool.Printer{}, errNotDriven
	}
	p, err := spool.PrinterByID(ctx, tx, v.device.Printer)
	if err == nil && (!p.Driven() || p.Office != v.device.Office) {
		err = errNotDriven
	}
	return p, err
}
