package spool

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/OpenPrinting/goipp"

	"sportello/printouts"
)

// queue is a printer behind a CUPS server, which is asked over IPP (RFC 8011). CUPS takes a job whether
// or not its printer is alive: the job is followed to its end, and cancelled when that is too far.
type queue struct {
	host    string // host:port
	name    string
	thermal bool // a raw queue, whose printer takes ESC/POS commands of profile
	profile printouts.Profile
	limits  limits
}

// ippPort is where CUPS listens.
const ippPort = "631"

// isQueue reports whether text can be the name of a queue.
var isQueue = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,127}$`).MatchString

// parseQueue reads cups://HOST[:PORT]/QUEUE, with the profile of a thermal printer behind it.
func parseQueue(uri string, limits limits) (queue, bool) {
	u, err := url.Parse(uri)
	if err != nil || u.Scheme != "cups" || u.Hostname() == "" || u.User != nil || u.Fragment != "" {
		return queue{}, false
	}
	port := u.Port()
	if port == "" {
		port = ippPort
	}
	q := queue{host: net.JoinHostPort(u.Hostname(), port), name: strings.TrimPrefix(u.Path, "/"), thermal: u.RawQuery != "", limits: limits}
	var ok bool
	q.profile, ok = parseProfile(u.RawQuery)
	return q, ok && isPort(port) && isQueue(q.name)
}

// patience is the time all steps take at most, and some more for a busy machine.
func (q queue) patience() time.Duration {
	return q.limits.queue + 5*q.limits.answer + 5*time.Second
}

// print has CUPS print job, unless its process died: then it may be on paper, and only a person may ask
// for another.
func (q queue) print(ctx context.Context, job *claimed) outcome {
	if job.orphan {
		return outcome{state: Unconfirmed, detail: Interrupted}
	}
	content, err := render(job, q.format)
	if err != nil {
		return outcome{state: Failed, detail: Unprintable, err: err}
	}
	found, err := q.check(ctx)
	if ctx.Err() != nil {
		return outcome{state: Queued}
	}
	if !found.Prints() {
		return refused(found, err)
	}
	ctx = context.WithoutCancel(ctx)
	id, err := q.submit(ctx, job, content)
	switch dial := (*net.OpError)(nil); {
	case errors.As(err, &dial) && dial.Op == "dial":
		return refused(Unreachable, err)
	case errors.As(err, new(ippError)):
		return refused(Refusing, err)
	case err != nil:
		return outcome{state: Unconfirmed, detail: Unanswered, err: err}
	}
	defer q.purge(ctx, id)
	return q.follow(ctx, id, found)
}

// format makes what the queue takes: the commands of a thermal printer, else a PDF file, of A4 where
// there is one.
func (q queue) format(d document) ([]byte, error) {
	if q.thermal {
		return d.ESCPOS(q.profile)
	}
	if letter, ok := d.(interface{ A4() ([]byte, error) }); ok {
		return letter.A4()
	}
	return d.PDF()
}

// submit gives content to CUPS and returns the number of its job.
func (q queue) submit(ctx context.Context, job *claimed, content []byte) (id int, err error) {
	format := "application/pdf"
	if q.thermal {
		format = "application/vnd.cups-raw"
	}
	answer, err := q.ask(ctx, q.limits.print, goipp.OpPrintJob, content,
		goipp.MakeAttribute("job-name", goipp.TagName, goipp.String("sportello "+job.kind)),
		goipp.MakeAttribute("document-format", goipp.TagMimeType, goipp.String(format)))
	if err != nil {
		return 0, fmt.Errorf("print job: %w", err)
	}
	id, ok := number(answer.Job, "job-id")
	if !ok {
		return 0, errors.New("print job: the answer has no number")
	}
	return id, nil
}

// The states of a job (RFC 8011 section 5.3.7).
const (
	jobCanceled  = 7
	jobAborted   = 8
	jobCompleted = 9
)

// follow waits for the end of a job and cancels it when that does not come.
func (q queue) follow(ctx context.Context, id int, found Condition) outcome {
	const often = 200 * time.Millisecond
	late := time.NewTimer(q.limits.queue)
	defer late.Stop()
	poll := time.NewTicker(often)
	defer poll.Stop()
	for {
		state, _, err := q.job(ctx, id)
		switch {
		case err != nil: // asked again until it is late
		case state == jobCompleted:
			return outcome{state: Printed, condition: found}
		case state >= jobCanceled:
			return q.doubt(ctx, id, fmt.Errorf("CUPS ended the job in state %d", state))
		}
		select {
		case <-poll.C:
		case <-late.C:
			return q.doubt(ctx, id, errors.Join(errors.New("CUPS did not finish the job in time"), err))
		}
	}
}

// doubt is what becomes of a job that was not completed, of which no more shall come out. One that CUPS
// never began is put back; any other may be on paper in part.
func (q queue) doubt(ctx context.Context, id int, err error) outcome {
	condition, why := q.check(ctx) // before the printer is free of the job
	cancelled := q.cancel(ctx, id, false)
	state, begun, asked := q.job(ctx, id)
	err = errors.Join(err, why)
	if asked == nil && state >= jobCanceled && !begun {
		if condition.Prints() {
			condition = Refusing
		}
		return refused(condition, err)
	}
	if state < jobCanceled {
		err = errors.Join(err, cancelled, asked)
	}
	if condition.Prints() { // CUPS does not always know that its printer is away
		return outcome{state: Unconfirmed, detail: Unanswered, condition: Unreachable, err: err}
	}
	return outcome{state: Unconfirmed, detail: string(condition), condition: condition, err: err}
}

// job returns the state of a job and whether CUPS has begun it.
func (q queue) job(ctx context.Context, id int) (state int, begun bool, err error) {
	answer, err := q.ask(ctx, q.limits.answer, goipp.OpGetJobAttributes, nil, goipp.MakeAttribute("job-id", goipp.TagInteger, goipp.Integer(id)))
	if err != nil {
		return 0, false, fmt.Errorf("ask after the job: %w", err)
	}
	state, ok := number(answer.Job, "job-state")
	if !ok {
		return 0, false, errors.New("ask after the job: no state")
	}
	_, begun = number(answer.Job, "time-at-processing")
	return state, begun, nil
}

// cancel ends a job; with purge CUPS forgets what it printed, which it else keeps for a day.
func (q queue) cancel(ctx context.Context, id int, purge bool) error {
	_, err := q.ask(ctx, q.limits.answer, goipp.OpCancelJob, nil,
		goipp.MakeAttribute("job-id", goipp.TagInteger, goipp.Integer(id)),
		goipp.MakeAttribute("purge-job", goipp.TagBoolean, goipp.Boolean(purge)))
	if err != nil {
		return fmt.Errorf("cancel the job: %w", err)
	}
	return nil
}

// purge has CUPS forget a job. One that refuses keeps it as long as it is set to.
func (q queue) purge(ctx context.Context, id int) { _ = q.cancel(ctx, id, true) }

// check asks CUPS how the printer is.
func (q queue) check(ctx context.Context) (Condition, error) {
	answer, err := q.ask(ctx, q.limits.answer, goipp.OpGetPrinterAttributes, nil)
	if errors.As(err, new(ippError)) {
		return Refusing, err
	}
	if err != nil {
		return Unreachable, err
	}
	const stopped = 5
	state, _ := number(answer.Printer, "printer-state")
	accepting := slices.Equal(words(answer.Printer, "printer-is-accepting-jobs"), []string{"true"})
	return conditionOf(words(answer.Printer, "printer-state-reasons"), state == stopped || !accepting)
}

// The printer-state-reasons that matter (RFC 8011 section 5.4.12, and those of CUPS), without what
// follows them on how bad they are.
var reasons = map[string]Condition{
	"connecting-to-device": Unreachable, "offline": Unreachable, "timed-out": Unreachable, "shutdown": Unreachable,
	"media-empty": OutOfPaper, "media-needed": OutOfPaper,
	"media-low":  NearEnd,
	"media-jam":  Refusing,
	"cover-open": Refusing, "door-open": Refusing, "interlock-open": Refusing, "paused": Refusing, "moving-to-paused": Refusing,
}

// conditionOf is the worst that is said of a printer.
func conditionOf(said []string, stopped bool) (Condition, error) {
	for _, worst := range []Condition{Unreachable, OutOfPaper, Refusing} {
		for _, reason := range said {
			name, bad := strings.CutSuffix(strings.TrimSuffix(reason, "-error"), "-report")
			if reasons[name] == worst && (!bad || worst == Unreachable) {
				return worst, fmt.Errorf("printer says %s", reason)
			}
		}
	}
	if stopped {
		return Refusing, errors.New("the queue is stopped or takes no jobs")
	}
	for _, reason := range said {
		if strings.HasPrefix(reason, "media-low") {
			return NearEnd, nil
		}
	}
	return OK, nil
}

// ippError is CUPS's word that it did not do what it was asked.
type ippError goipp.Status

func (e ippError) Error() string { return "CUPS answers " + goipp.Status(e).String() }

// ask sends CUPS a request about the queue or a job of it. An ippError means that nothing was done.
func (q queue) ask(ctx context.Context, limit time.Duration, op goipp.Op, content []byte, more ...goipp.Attribute) (*goipp.Message, error) {
	const longestAnswer = 1 << 20
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	request := goipp.NewRequest(goipp.DefaultVersion, op, 1)
	request.Operation = append(goipp.Attributes{
		goipp.MakeAttribute("attributes-charset", goipp.TagCharset, goipp.String("utf-8")),
		goipp.MakeAttribute("attributes-natural-language", goipp.TagLanguage, goipp.String("en")),
		goipp.MakeAttribute("printer-uri", goipp.TagURI, goipp.String("ipp://"+q.host+"/printers/"+q.name)),
	}, more...)
	request.Operation.Add(goipp.MakeAttribute("requesting-user-name", goipp.TagName, goipp.String("sportello")))
	head, err := request.EncodeBytes()
	if err != nil {
		return nil, err
	}
	post, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+q.host+"/printers/"+q.name, io.MultiReader(bytes.NewReader(head), bytes.NewReader(content)))
	if err != nil {
		return nil, err
	}
	post.ContentLength = int64(len(head) + len(content))
	post.Header.Set("Content-Type", goipp.ContentType)
	client := http.Client{Transport: &http.Transport{ // no proxy
		DialContext: (&net.Dialer{Timeout: q.limits.connect}).DialContext, DisableKeepAlives: true,
	}}
	response, err := client.Do(post)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("CUPS answers %s", response.Status)
	}
	var answer goipp.Message
	if err := answer.Decode(io.LimitReader(response.Body, longestAnswer)); err != nil {
		return nil, err
	}
	const lastOfSuccess = 0xff
	if answer.Code > lastOfSuccess {
		return nil, ippError(answer.Code)
	}
	return &answer, nil
}

// words are the values of an attribute.
func words(attrs goipp.Attributes, name string) (values []string) {
	for _, a := range attrs {
		if a.Name == name {
			for _, v := range a.Values {
				values = append(values, v.V.String())
			}
		}
	}
	return values
}

// number is the value of an attribute that may have none yet.
func number(attrs goipp.Attributes, name string) (int, bool) {
	for _, a := range attrs {
		if a.Name == name && len(a.Values) == 1 {
			n, ok := a.Values[0].V.(goipp.Integer)
			return int(n), ok
		}
	}
	return 0, false
}
