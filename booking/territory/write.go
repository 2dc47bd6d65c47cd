package territory

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/pelletier/go-toml/v2"

	"sportello/internal/fault"
	"sportello/internal/store"
)

// Report says what an import did with the objects that its file names.
type Report struct {
	Territory                                        string
	Head                                             Tally
	Institutions, Services, Needs, Offices, Officers Tally
	Texts                                            Tally
}

// Tally counts objects of a kind.
type Tally struct{ Added, Changed, Unchanged int }

// Changed reports whether the import changed anything.
func (r Report) Changed() bool {
	return slices.ContainsFunc([]Tally{r.Head, r.Institutions, r.Services, r.Needs, r.Offices, r.Officers, r.Texts},
		func(t Tally) bool { return t.Added+t.Changed > 0 })
}

// byImport is who changes what a file says, in history and audit.
const byImport = "command"

// Import writes f: the objects that it names are replaced whole, others stay. Doing it again changes
// nothing. The error is a Problems when something in f is wrong or refers to what is neither in f nor
// in the database; then the transaction must not be committed. Every office of the territory gets a
// new version when anything changed.
func Import(ctx context.Context, tx *store.Tx, f *File) (Report, error) {
	id := f.Territory.ID
	fresh, err := claim(ctx, tx, id)
	if err != nil {
		return Report{}, err
	}
	held, elsewhere, err := around(ctx, tx, id)
	if err != nil {
		return Report{}, err
	}
	if fresh {
		held = new(File)
	}
	if findings := check(f, held, elsewhere); len(findings) > 0 {
		return Report{}, Problems(f.problems(findings))
	}
	return write(ctx, tx, f, over(held, f), byImport)
}

// write puts whole in the place of what the database has of the territory. Said are the objects that
// are counted; what whole does not have any more is removed.
func write(ctx context.Context, tx *store.Tx, said, whole *File, by string) (Report, error) {
	id := whole.Territory.ID
	report := Report{Territory: id}
	w := writer{territory: id, by: by}
	err := errors.Join(
		put(ctx, tx, &w, institutions, said.ids("institution"), whole.Institutions, &report.Institutions),
		put(ctx, tx, &w, services, said.ids("service"), whole.Services, &report.Services),
		put(ctx, tx, &w, needs, said.ids("need"), whole.Needs, &report.Needs),
		put(ctx, tx, &w, offices, said.ids("office"), whole.Offices, &report.Offices),
		put(ctx, tx, &w, officers, said.ids("officer"), whole.Officers, &report.Officers),
	)
	if err != nil {
		return Report{}, err
	}
	if report.Head, err = w.putHead(ctx, tx, whole.Territory); err != nil {
		return Report{}, err
	}
	if report.Texts, err = putTexts(ctx, tx, id, said.Texts, by); err != nil {
		return Report{}, err
	}
	if len(w.changes) == 0 {
		return report, nil
	}
	versions, err := renew(ctx, tx, whole)
	if err != nil {
		return Report{}, err
	}
	return report, w.record(ctx, tx, versions)
}

const insertTerritory = `
INSERT INTO territories (id, stamp, body, rev) VALUES ($1, $2, $3, 0) ON CONFLICT DO NOTHING`

// newTerritory is what the row of a territory says before anything was written.
const newTerritory = "{}"

const lockTerritory = `
UPDATE territories SET rev = rev WHERE id = $1`

// claim makes sure that the territory has a row and that no other import writes it meanwhile.
func claim(ctx context.Context, tx *store.Tx, id string) (fresh bool, err error) {
	added, err := tx.Exec(ctx, insertTerritory, id, store.NewID(), newTerritory)
	if err != nil {
		return false, fmt.Errorf("import territory: %w", err)
	}
	if _, err := tx.Exec(ctx, lockTerritory, id); err != nil {
		return false, fmt.Errorf("import territory: %w", err)
	}
	return added > 0, nil
}

const selectElsewhere = `
SELECT id, territory_id FROM offices WHERE territory_id <> $1`

// around returns what the database holds of the territory id, nothing for a new one, and the offices
// of other territories.
func around(ctx context.Context, tx *store.Tx, id string) (held *File, elsewhere map[string]string, err error) {
	held, err = Load(ctx, tx, id)
	if fault.Code(err) == "unknown_territory" {
		held, err = new(File), nil
	}
	if err != nil {
		return nil, nil, err
	}
	rows, err := tx.Query(ctx, selectElsewhere, id)
	if err != nil {
		return nil, nil, fmt.Errorf("list offices: %w", err)
	}
	defer rows.Close()
	elsewhere = map[string]string{}
	for rows.Next() {
		var office, territory string
		if err := rows.Scan(&office, &territory); err != nil {
			return nil, nil, fmt.Errorf("list offices: %w", err)
		}
		elsewhere[office] = territory
	}
	return held, elsewhere, rows.Err()
}

// errTaken tells of an import into another territory that was quicker with an office's id.
var errTaken = errors.New("the id was taken meanwhile by another territory")

// foretell returns what write would report.
func foretell(ctx context.Context, tx *store.Tx, said, whole *File) (Report, error) {
	id := whole.Territory.ID
	held, err := Load(ctx, tx, id)
	if err != nil {
		return Report{}, err
	}
	r := Report{Territory: id, Head: tally([]string{id}, []Head{held.Territory}, []Head{whole.Territory})}
	r.Institutions = tally(said.ids("institution"), held.Institutions, whole.Institutions)
	r.Services = tally(said.ids("service"), held.Services, whole.Services)
	r.Needs = tally(said.ids("need"), held.Needs, whole.Needs)
	r.Offices = tally(said.ids("office"), held.Offices, whole.Offices)
	r.Officers = tally(said.ids("officer"), held.Officers, whole.Officers)
	r.Texts = tallyTexts(held.Texts, said.Texts)
	return r, nil
}

// tally counts what becomes of the named objects.
func tally[T any](named []string, held, whole []T) (count Tally) {
	before := map[string]string{}
	for _, object := range held {
		if r, err := rowOf(object, 0); err == nil {
			before[r.id] = r.body
		}
	}
	for _, object := range whole {
		r, err := rowOf(object, 0)
		if err != nil || !slices.Contains(named, r.id) {
			continue
		}
		switch was, known := before[r.id]; {
		case !known:
			count.Added++
		case was != r.body:
			count.Changed++
		default:
			count.Unchanged++
		}
	}
	return count
}

// writer writes the objects of a territory and keeps what they were.
type writer struct {
	territory, by string
	changes       []change
}

// change is one object that is not as it was.
type change struct {
	ref     Ref
	rev     int64 // from now on
	body    string
	before  string // "" there was none
	removed bool
}

const (
	insertRow = `
INSERT INTO {table} (territory_id, id, position, body, rev) VALUES ($1, $2, $3, $4, $5) ON CONFLICT DO NOTHING`
	updateRow = `
UPDATE {table} SET rev = $5, position = $3, body = $4 WHERE territory_id = $1 AND id = $2`
	moveRow = `
UPDATE {table} SET position = $3 WHERE territory_id = $1 AND id = $2`
	deleteRow = `
DELETE FROM {table} WHERE territory_id = $1 AND id = $2`
)

// put writes the objects of whole that are new or differ, removes those that it does not have, and
// counts those that are named.
func put[T any](ctx context.Context, tx *store.Tx, w *writer, into table, named []string, whole []T, count *Tally) error {
	held := map[string]row{}
	rows, err := into.read(ctx, tx, w.territory)
	if err != nil {
		return err
	}
	for _, r := range rows {
		held[r.id] = r
	}
	for i, object := range whole {
		next, err := rowOf(object, int64(i))
		if err != nil {
			return err
		}
		before, known := held[next.id]
		delete(held, next.id)
		if err := w.write(ctx, tx, into, next, before, known); err != nil {
			return fmt.Errorf("write %s %s: %w", into, next.id, err)
		}
		switch {
		case !known:
			count.Added++
		case (before.body != next.body || before.position != next.position) && slices.Contains(named, next.id):
			count.Changed++
		}
	}
	count.Unchanged = len(named) - count.Added - count.Changed
	for _, gone := range held {
		if err := w.remove(ctx, tx, into, gone); err != nil {
			return fmt.Errorf("remove %s %s: %w", into, gone.id, err)
		}
	}
	return nil
}

// write writes an object that is new or differs. The revs of one that was removed and comes again go
// on.
func (w *writer) write(ctx context.Context, tx *store.Tx, into table, next, before row, known bool) error {
	switch {
	case known && before.body == next.body && before.position == next.position:
		return nil
	case known && before.body == next.body:
		_, err := tx.Exec(ctx, into.sql(moveRow), w.territory, next.id, next.position)
		return err
	}
	query := updateRow
	if !known {
		query = insertRow
		last, err := lastRev(ctx, tx, w.territory, Ref{into.kind(), next.id})
		if err != nil {
			return err
		}
		before.rev = last
	}
	next.rev = before.rev + 1
	written, err := tx.Exec(ctx, into.sql(query), w.territory, next.id, next.position, next.body, next.rev)
	if err == nil && written == 0 {
		err = errTaken
	}
	w.changes = append(w.changes, change{ref: Ref{into.kind(), next.id}, rev: next.rev, body: next.body, before: before.body})
	return err
}

func (w *writer) remove(ctx context.Context, tx *store.Tx, from table, gone row) error {
	if from == offices {
		if _, err := tx.Exec(ctx, `DELETE FROM office_state WHERE office_id = $1`, gone.id); err != nil {
			return err
		}
	}
	_, err := tx.Exec(ctx, from.sql(deleteRow), w.territory, gone.id)
	w.changes = append(w.changes, change{ref: Ref{from.kind(), gone.id}, rev: gone.rev + 1, before: gone.body, removed: true})
	return err
}

func rowOf(object any, position int64) (row, error) {
	body, err := json.Marshal(object)
	if err != nil {
		return row{}, fmt.Errorf("write territory: %w", err)
	}
	var id struct {
		ID string `json:"id"`
	}
	err = json.Unmarshal(body, &id)
	return row{id: id.ID, body: string(body), position: position}, err
}

const (
	selectHead      = `SELECT rev, body FROM territories WHERE id = $1`
	updateTerritory = `UPDATE territories SET body = $2, rev = $3 WHERE id = $1`
)

// putHead writes what a territory says of itself; a new one has an empty row.
func (w *writer) putHead(ctx context.Context, tx *store.Tx, h Head) (Tally, error) {
	body, err := json.Marshal(h)
	if err != nil {
		return Tally{}, fmt.Errorf("write territory: %w", err)
	}
	var rev int64
	var before string
	if err := tx.QueryRow(ctx, selectHead, h.ID).Scan(&rev, &before); err != nil {
		return Tally{}, fmt.Errorf("write territory: %w", err)
	}
	if before == string(body) {
		return Tally{Unchanged: 1}, nil
	}
	if _, err := tx.Exec(ctx, updateTerritory, h.ID, string(body), rev+1); err != nil {
		return Tally{}, fmt.Errorf("write territory: %w", err)
	}
	c := change{ref: Ref{KindTerritory, h.ID}, rev: rev + 1, body: string(body), before: before}
	if before == newTerritory {
		c.before = ""
	}
	w.changes = append(w.changes, c)
	if c.before == "" {
		return Tally{Added: 1}, nil
	}
	return Tally{Changed: 1}, nil
}

const renewStamp = `
UPDATE territories SET stamp = $2 WHERE id = $1`

const insertState = `
INSERT INTO office_state (office_id) VALUES ($1) ON CONFLICT DO NOTHING`

// renew has every reader of the territory read it anew, and every viewer of its offices, whose new
// versions it returns.
func renew(ctx context.Context, tx *store.Tx, whole *File) (map[string]int64, error) {
	if _, err := tx.Exec(ctx, renewStamp, whole.Territory.ID, store.NewID()); err != nil {
		return nil, fmt.Errorf("renew territory: %w", err)
	}
	versions := map[string]int64{}
	for _, office := range slices.Sorted(slices.Values(whole.ids("office"))) {
		if _, err := tx.Exec(ctx, insertState, office); err != nil {
			return nil, fmt.Errorf("renew office: %w", err)
		}
		version, err := Lock(ctx, tx, office)
		if err != nil {
			return nil, err
		}
		versions[office] = version
	}
	return versions, nil
}

// Export returns the territory as a file that Parse reads, always the same for the same content;
// importing it changes nothing. The fault is unknown_territory.
func Export(ctx context.Context, tx *store.Tx, id string) ([]byte, error) {
	f, err := Load(ctx, tx, id)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	if err := toml.NewEncoder(&out).SetIndentTables(true).Encode(f); err != nil {
		return nil, fmt.Errorf("export territory: %w", err)
	}
	return out.Bytes(), nil
}
