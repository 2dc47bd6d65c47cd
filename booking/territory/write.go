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
}

// Tally counts objects of a kind.
type Tally struct{ Added, Changed, Unchanged int }

// Changed reports whether the import changed anything.
func (r Report) Changed() bool {
	return slices.ContainsFunc([]Tally{r.Head, r.Institutions, r.Services, r.Needs, r.Offices, r.Officers},
		func(t Tally) bool { return t.Added+t.Changed > 0 })
}

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
	whole := over(held, f)
	report := Report{Territory: id}
	err = errors.Join(
		put(ctx, tx, institutions, id, f.ids("institution"), whole.Institutions, &report.Institutions),
		put(ctx, tx, services, id, f.ids("service"), whole.Services, &report.Services),
		put(ctx, tx, needs, id, f.ids("need"), whole.Needs, &report.Needs),
		put(ctx, tx, offices, id, f.ids("office"), whole.Offices, &report.Offices),
		put(ctx, tx, officers, id, f.ids("officer"), whole.Officers, &report.Officers),
	)
	if err != nil {
		return Report{}, err
	}
	if report.Head, err = putHead(ctx, tx, whole.Territory, fresh); err != nil {
		return Report{}, err
	}
	if report.Changed() {
		err = renew(ctx, tx, whole)
	}
	return report, err
}

const insertTerritory = `
INSERT INTO territories (id, stamp, body) VALUES ($1, $2, '{}') ON CONFLICT DO NOTHING`

const lockTerritory = `
UPDATE territories SET rev = rev WHERE id = $1`

// claim makes sure that the territory has a row and that no other import writes it meanwhile.
func claim(ctx context.Context, tx *store.Tx, id string) (fresh bool, err error) {
	added, err := tx.Exec(ctx, insertTerritory, id, store.NewID())
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

const insertRow = `
INSERT INTO {table} (territory_id, id, position, body) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`

const updateRow = `
UPDATE {table} SET rev = rev + 1, position = $3, body = $4 WHERE territory_id = $1 AND id = $2`

// put writes the objects of whole that are new or differ, and counts those that are named.
func put[T any](ctx context.Context, tx *store.Tx, into table, territory string, named []string, whole []T, count *Tally) error {
	held := map[string]row{}
	rows, err := into.read(ctx, tx, territory)
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
		if known && before == next {
			continue
		}
		query := insertRow
		if known {
			query = updateRow
		}
		written, err := tx.Exec(ctx, into.sql(query), territory, next.id, next.position, next.body)
		if err == nil && written == 0 {
			err = errTaken
		}
		if err != nil {
			return fmt.Errorf("write %s %s: %w", into, next.id, err)
		}
		switch {
		case !known:
			count.Added++
		case slices.Contains(named, next.id):
			count.Changed++
		}
	}
	count.Unchanged = len(named) - count.Added - count.Changed
	return nil
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
	return row{id.ID, string(body), position}, err
}

const updateTerritory = `
UPDATE territories SET body = $2 WHERE id = $1 AND body <> $2`

func putHead(ctx context.Context, tx *store.Tx, h Head, fresh bool) (Tally, error) {
	body, err := json.Marshal(h)
	if err != nil {
		return Tally{}, fmt.Errorf("write territory: %w", err)
	}
	changed, err := tx.Exec(ctx, updateTerritory, h.ID, string(body))
	switch {
	case err != nil:
		return Tally{}, fmt.Errorf("write territory: %w", err)
	case fresh:
		return Tally{Added: 1}, nil
	case changed > 0:
		return Tally{Changed: 1}, nil
	}
	return Tally{Unchanged: 1}, nil
}

const renewStamp = `
UPDATE territories SET rev = rev + 1, stamp = $2 WHERE id = $1`

const insertState = `
INSERT INTO office_state (office_id) VALUES ($1) ON CONFLICT DO NOTHING`

// renew has every reader of the territory read it anew, and every viewer of its offices.
func renew(ctx context.Context, tx *store.Tx, whole *File) error {
	if _, err := tx.Exec(ctx, renewStamp, whole.Territory.ID, store.NewID()); err != nil {
		return fmt.Errorf("renew territory: %w", err)
	}
	for _, office := range slices.Sorted(slices.Values(whole.ids("office"))) {
		if _, err := tx.Exec(ctx, insertState, office); err != nil {
			return fmt.Errorf("renew office: %w", err)
		}
		if _, err := Lock(ctx, tx, office); err != nil {
			return err
		}
	}
	return nil
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
