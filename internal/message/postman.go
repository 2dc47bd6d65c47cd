package message

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"mime"
	"net"
	netmail "net/mail"
	"net/netip"
	"net/textproto"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/wneessen/go-mail"

	"sportello/internal/store"
)

// Server is the mail server that takes our mail, and how we sign in there.
type Server struct {
	host     string
	port     int
	secure   bool // TLS from the first byte
	user     string
	password string
	from     *netmail.Address
}

// NewServer reads the address of a mail server: smtp://USER@HOST:PORT, which begins with STARTTLS, or
// smtps://USER@HOST:PORT, which is TLS from the first byte; ports are 587 and 465 unless given. Only on
// this machine (127.0.0.1, ::1, localhost) smtp:// goes without TLS. Without USER there is no sign-in.
// from is the sender.
func NewServer(address, password, from string) (Server, error) {
	u, err := url.Parse(address)
	if err != nil {
		return Server{}, errors.New("the mail server's address cannot be read") // without it: a password may be in it
	}
	if _, has := u.User.Password(); has {
		return Server{}, errors.New("the mail server's address must not have a password in it")
	}
	if (u.Scheme != "smtp" && u.Scheme != "smtps") || u.Hostname() == "" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" {
		return Server{}, fmt.Errorf("%q is no address of a mail server", address)
	}
	s := Server{host: u.Hostname(), port: 587, secure: u.Scheme == "smtps", user: u.User.Username(), password: password}
	if s.secure {
		s.port = 465
	}
	if u.Port() != "" {
		if s.port, err = strconv.Atoi(u.Port()); err != nil || s.port < 1 || s.port > 65535 {
			return Server{}, fmt.Errorf("%q is no address of a mail server", address)
		}
	}
	if s.user != "" && password == "" {
		return Server{}, errors.New("the mail server's address names a user, and there is no password")
	}
	if s.from, err = netmail.ParseAddress(from); err != nil {
		return Server{}, fmt.Errorf("sender %q is no mail address", from)
	}
	return s, nil
}

// Sender is the address from which mail is sent, without its name.
func (s Server) Sender() string { return s.from.Address }

// onThisMachine reports whether host is a name or address of this machine for itself.
func onThisMachine(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// Postman sends the mail that is queued. Run it as a job with a lease.
type Postman struct {
	outbox
	server  Server
	timeout time.Duration
}

// answerWithin is how long the server may take for its part of one message.
const answerWithin = 30 * time.Second

// NewPostman returns the postman of a server.
func NewPostman(db *store.DB, log *slog.Logger, server Server) *Postman {
	return &Postman{outbox: outbox{db, log, ByMail}, server: server, timeout: answerWithin}
}

// Deliver sends what is due. Its error is a server with which nothing can be done now; messages that
// the server refuses are noted, logged by their id and tried again or given up.
func (p *Postman) Deliver(ctx context.Context) error {
	some, err := p.due(ctx)
	if err != nil || !some {
		return err
	}
	line, err := p.dial(ctx)
	if err != nil {
		return fmt.Errorf("mail server %s: %w", p.server.host, explain(err))
	}
	defer line.close()
	return p.carry(ctx, func(_ context.Context, l letter) (State, string, error) { return p.send(line, l) })
}

// send makes one attempt.
func (p *Postman) send(line *line, l letter) (State, string, error) {
	text, err := p.server.text(l)
	if err == nil {
		err = line.client.Send(text)
	}
	if err == nil || text != nil && text.IsDelivered() { // what fails after the server has it does not matter
		return Sent, "", nil
	}
	state, code := verdict(err)
	if code == noAnswer {
		return state, code, fmt.Errorf("mail server %s: %s", p.server.host, code)
	}
	return state, code, nil
}

// text is the message as it is sent.
func (s Server) text(l letter) (*mail.Msg, error) {
	m := mail.NewMsg(mail.WithNoDefaultUserAgent())
	m.FromMailAddress(s.from)
	if err := m.To(l.to); err != nil {
		return nil, err
	}
	m.SetMessageIDWithValue(l.id + s.from.Address[strings.LastIndexByte(s.from.Address, '@'):])
	m.SetDateWithValue(l.due)
	m.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834: no absence notes, please
	if l.language != "" {
		m.SetGenHeader("Content-Language", l.language) // RFC 3282
	}
	m.Subject(l.subject)
	m.SetBodyString(mail.TypeTextPlain, l.text)
	for _, a := range l.attachments {
		if err := attach(m, a); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// attach adds a file and, of a calendar, the same as an alternative to the text.
func attach(m *mail.Msg, a Attachment) error {
	media, params, err := mime.ParseMediaType(a.Type)
	if err != nil {
		return err
	}
	whole := mail.ContentType(mime.FormatMediaType(media, params))
	if media == calendarType {
		delete(params, "charset") // the library tells it
		m.AddAlternativeString(mail.ContentType(mime.FormatMediaType(media, params)), string(a.Content))
	}
	return m.AttachReader(a.Name, bytes.NewReader(a.Content), mail.WithFileContentType(whole))
}

// badAddress is the code of an address that cannot be written to; smtp_NNN has the server's answer.
const badAddress = "bad_address"

// verdict is what an error means for one message. Only a recipient or a content that the server
// refuses for good (RFC 5321 section 4.2.1) is given up; that we may not send at all is for whoever
// runs the server to mend.
func verdict(err error) (State, string) {
	refused := new(mail.SendError)
	if !errors.As(err, &refused) {
		return Failed, badAddress
	}
	answer := refused.ErrorCode()
	switch {
	case refused.Reason == mail.ErrGetRcpts:
		return Failed, badAddress
	case answer == 0 || answer == 421:
		return Queued, noAnswer
	case answer >= 500 && refused.Reason != mail.ErrSMTPMailFrom:
		return Failed, "smtp_" + strconv.Itoa(answer)
	}
	return Queued, "smtp_" + strconv.Itoa(answer)
}

// line is a connection to the server, signed in.
type line struct {
	client *mail.Client
	conn   net.Conn
	stop   func() bool
}

// dial connects and signs in. The connection breaks when ctx ends.
func (p *Postman) dial(ctx context.Context) (*line, error) {
	l := &line{stop: func() bool { return true }}
	var err error
	l.client, err = mail.NewClient(p.server.host, append(
		p.server.options(), mail.WithPort(p.server.port), mail.WithTimeout(p.timeout),
		// The library does not close a connection whose beginning fails, and does not watch ctx.
		mail.WithDialContextFunc(func(dialing context.Context, network, address string) (net.Conn, error) {
			var err error
			if l.conn, err = p.server.connect(dialing, network, address); err != nil {
				return nil, err
			}
			l.stop = context.AfterFunc(ctx, func() { l.conn.Close() })
			return l.conn, nil
		}),
	)...)
	if err != nil {
		return nil, err
	}
	if err := l.client.DialWithContext(ctx); err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

func (s Server) connect(ctx context.Context, network, address string) (net.Conn, error) {
	if s.secure {
		return (&tls.Dialer{Config: &tls.Config{ServerName: s.host, MinVersion: tls.VersionTLS12}}).DialContext(ctx, network, address)
	}
	return (&net.Dialer{}).DialContext(ctx, network, address)
}

// options are how the line is secured and who signs in.
func (s Server) options() []mail.Option {
	policy := mail.TLSMandatory
	switch {
	case s.secure:
		policy = mail.TLSOpportunistic // the connection has it already
	case onThisMachine(s.host):
		policy = mail.NoTLS
	}
	all := []mail.Option{mail.WithTLSPolicy(policy)}
	if s.user != "" {
		all = append(all, mail.WithUsername(s.user), mail.WithPassword(s.password),
			mail.WithOpportunisticSMTPAuth(mail.SMTPAuthPlain, mail.SMTPAuthLogin))
	}
	return all
}

func (l *line) close() {
	if l.client != nil {
		_ = l.client.Close() // says goodbye, if anybody listens
	}
	l.stop()
	if l.conn != nil {
		_ = l.conn.Close()
	}
}

// explain says why a server cannot be used, without what it answered: that may name the user.
func explain(err error) error {
	answer, garbled := new(textproto.Error), textproto.ProtocolError("")
	switch {
	case errors.As(err, &answer):
		return fmt.Errorf("smtp_%d", answer.Code)
	case errors.As(err, &garbled):
		return errors.New("does not speak SMTP")
	}
	return err
}
