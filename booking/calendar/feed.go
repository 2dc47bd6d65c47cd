package calendar

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"sportello/internal/audit"
	"sportello/internal/fault"
	"sportello/internal/store"
)

// FeedKind is what a feed has the appointments of.
type FeedKind string

// The kinds of feeds. A desk has no appointments of its own before somebody is called to it: its feed
// has today's of who sits there, and none while nobody does.
const (
	OfOffice  FeedKind = "office"
	OfDesk    FeedKind = "desk"
	OfOfficer FeedKind = "officer"
	OfService FeedKind = "service"
)

// Feed is a secret address from which calendar programs read appointments.
type Feed struct {
	ID        string
	Territory string
	Kind      FeedKind
	Office    string // the office, or that of the desk; of an officer or a service, empty: all
	Subject   string // the desk, officer or service; of an office empty
	Detail    Detail
	User      string // id of the account that made it
	CreatedAt time.Time
	ETag      string    // of what was read last
	Modified  time.Time // since when it is so; zero: never read
	ReadAt    time.Time // up to ReadEvery before it was; zero: never
	ReadBy    string    // a sort of program: see ProgramOf
}

// ReadEvery is how often it is noted that a feed was read.
const ReadEvery = 5 * time.Minute

// StaleAfter is how long after it was read last a feed is taken for one that nobody reads any more.
const StaleAfter = 14 * 24 * time.Hour

// ErrFeed is returned for a secret that no feed has. It does not tell whether one ever had it.
var ErrFeed = fault.New(fault.Missing, "no_such_page")

// Stale reports whether nobody has read the feed for StaleAfter.
func (f Feed) Stale(now time.Time) bool {
	since := f.ReadAt
	if since.IsZero() {
		since = f.CreatedAt
	}
	return now.Sub(since) > StaleAfter
}

func hashed(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

func (f Feed) record(ctx context.Context, tx *store.Tx, by, action string) error {
	detail := map[string]any{"kind": string(f.Kind), "detail": string(f.Detail), "territory": f.Territory}
	for name, id := range map[string]string{"office": f.Office, "of": f.Subject} {
		if id != "" {
			detail[name] = id
		}
	}
	return audit.Record(ctx, tx, audit.Entry{Scope: audit.System, Actor: by, Action: action, Subject: subjectPrefix + f.ID, Detail: detail})
}

// AddFeed makes a feed of 128 random bits' secret, which is not kept and returned only now. by is who
// does it, in the audit. That the account may know what the feed says is the caller's to check.
func AddFeed(ctx context.Context, tx *store.Tx, f Feed, by string) (Feed, string, error) {
	if !slices.Contains(Details, f.Detail) {
		return Feed{}, "", fault.New(fault.Malformed, "malformed")
	}
	f.ID, f.CreatedAt = store.NewID(), tx.Now
	secret := store.NewToken()
	_, err := tx.Exec(ctx, `
INSERT INTO feeds (id, territory_id, kind, office_id, subject_id, detail, user_id, token_hash, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		f.ID, f.Territory, string(f.Kind), f.Office, f.Subject, string(f.Detail), f.User, hashed(secret), store.Millis(tx.Now))
	if err != nil {
		return Feed{}, "", fmt.Errorf("add feed: %w", err)
	}
	return f, secret, f.record(ctx, tx, by, "feed.add")
}

const selectFeeds = `
SELECT id, territory_id, kind, office_id, subject_id, detail, user_id, created_at, etag, modified_at, read_at, read_by FROM feeds `

func scanFeed(row store.Row) (Feed, error) {
	var f Feed
	var created, modified, read int64
	err := row.Scan(&f.ID, &f.Territory, &f.Kind, &f.Office, &f.Subject, &f.Detail, &f.User, &created, &f.ETag, &modified, &read, &f.ReadBy)
	f.CreatedAt, f.Modified, f.ReadAt = store.FromMillis(created), store.FromMillis(modified), store.FromMillis(read)
	return f, err
}

// FeedOf returns the feed of a secret, or ErrFeed.
func FeedOf(ctx context.Context, tx *store.Tx, secret string) (Feed, error) {
	return oneFeed(ctx, tx, `WHERE token_hash = $1`, hashed(secret))
}

// FeedByID returns a feed, or ErrFeed.
func FeedByID(ctx context.Context, tx *store.Tx, id string) (Feed, error) {
	return oneFeed(ctx, tx, `WHERE id = $1`, id)
}

func oneFeed(ctx context.Context, tx *store.Tx, condition, value string) (Feed, error) {
	f, err := scanFeed(tx.QueryRow(ctx, selectFeeds+condition, value))
	if errors.Is(err, sql.ErrNoRows) {
		return Feed{}, ErrFeed
	}
	if err != nil {
		return Feed{}, fmt.Errorf("read feed: %w", err)
	}
	return f, nil
}

// Feeds returns the feeds that an account made, "" for those of all, the newest first.
func Feeds(ctx context.Context, tx *store.Tx, user string) ([]Feed, error) {
	all, err := store.All(ctx, tx, scanFeed, selectFeeds+`WHERE $1 = '' OR user_id = $1 ORDER BY created_at DESC, id`, user)
	if err != nil {
		return nil, fmt.Errorf("read feeds: %w", err)
	}
	return all, nil
}

// EndFeed ends a feed at once, or returns ErrFeed.
func EndFeed(ctx context.Context, tx *store.Tx, id, by string) error {
	f, err := FeedByID(ctx, tx, id)
	if err != nil {
		return err
	}
	if _, err := tx.Exec(ctx, `DELETE FROM feeds WHERE id = $1`, id); err != nil {
		return fmt.Errorf("end feed: %w", err)
	}
	if err := audit.Erase(ctx, tx, subjectPrefix+id); err != nil {
		return err
	}
	return f.record(ctx, tx, by, "feed.revoke")
}

// subjectPrefix is what names of feeds begin with in the audit and among what was erased.
const subjectPrefix = "feed:"

// Forget ends again a feed that a subject of the audit names, and reports whether it is one. It is for a
// database that was put back, in which a feed that has ended since would be open again.
func Forget(ctx context.Context, tx *store.Tx, subject string) (bool, error) {
	id, ours := strings.CutPrefix(subject, subjectPrefix)
	if !ours {
		return false, nil
	}
	_, err := tx.Exec(ctx, `DELETE FROM feeds WHERE id = $1`, id)
	return true, err
}

// Note keeps that a feed was read: what it then was, by its ETag, and by which sort of program.
func (f Feed) Note(ctx context.Context, tx *store.Tx, etag, program string) error {
	modified := f.ModifiedAs(etag, tx.Now)
	_, err := tx.Exec(ctx, `UPDATE feeds SET etag = $2, modified_at = $3, read_at = $4, read_by = $5 WHERE id = $1`,
		f.ID, etag, store.Millis(modified), store.Millis(tx.Now), program)
	if err != nil {
		return fmt.Errorf("note that a feed was read: %w", err)
	}
	return nil
}

// Noted reports whether there is nothing to note about a reading.
func (f Feed) Noted(etag, program string, now time.Time) bool {
	return f.ETag == etag && f.ReadBy == program && now.Sub(f.ReadAt) < ReadEvery
}

// ModifiedAs is since when the feed is what has an ETag, to the second: as noted, or now. It is never
// the second of what the feed was before, so that If-Modified-Since tells them apart.
func (f Feed) ModifiedAs(etag string, now time.Time) time.Time {
	if f.ETag == etag {
		return f.Modified
	}
	now = now.Truncate(time.Second)
	if !now.After(f.Modified) {
		return f.Modified.Add(time.Second)
	}
	return now
}

// programs are signs in how calendar programs name themselves (User-Agent), and how people call them. Who
// names another comes before it.
var programs = []struct{ sign, name string }{
	{"vdirsyncer", "vdirsyncer"},
	{"Thunderbird", "Thunderbird"},
	{"Google-Calendar", "Google Calendar"},
	{"Microsoft.Exchange", "Outlook"},
	{"Outlook", "Outlook"},
	{"ICSx5", "ICSx⁵"},
	{"DAVx5", "DAVx⁵"},
	{"Nextcloud", "Nextcloud"},
	{"Evolution", "Evolution"},
	{"KOrganizer", "KOrganizer"},
	{"Zimbra", "Zimbra"},
	{"macOS/", "macOS"},
	{"CalendarAgent", "macOS"},
	{"iOS/", "iPhone, iPad"},
	{"dataaccessd", "iPhone, iPad"},
	{"Mozilla/", "browser"},
}

// ProgramOf is the sort of program that reads a feed, from how it names itself; "" for one that is not
// known. Nothing else of the name is kept.
func ProgramOf(agent string) string {
	for _, p := range programs {
		if strings.Contains(agent, p.sign) {
			return p.name
		}
	}
	return ""
}
