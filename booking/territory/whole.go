package territory

import (
	"maps"
	"reflect"
)

// Whole returns every service of the territory that f describes, the catalogue's first, each with all
// that is said of it.
func (f *File) Whole() ([]ServiceEntry, error) {
	base, err := catalogue()
	if err != nil {
		return nil, err
	}
	said := map[string]ServiceEntry{}
	for _, e := range f.Services {
		said[e.ID] = e
	}
	var all []ServiceEntry
	for _, b := range base {
		all = append(all, laidOver(b, said[b.ID]))
		delete(said, b.ID)
	}
	for _, e := range f.Services {
		if _, own := said[e.ID]; own {
			all = append(all, e)
		}
	}
	return all, nil
}

// laidOver returns base with what e says.
func laidOver(base, e ServiceEntry) ServiceEntry {
	whole := base
	into, from := reflect.ValueOf(&whole).Elem(), reflect.ValueOf(e)
	for i := range into.NumField() {
		if !from.Field(i).IsZero() {
			into.Field(i).Set(from.Field(i))
		}
	}
	if len(base.Names) > 0 && len(e.Names) > 0 {
		whole.Names = maps.Clone(base.Names)
		maps.Copy(whole.Names, e.Names)
	}
	return whole
}

// Differing returns of a whole service only what the catalogue does not say of it, which is what a file
// says; a service that is not in the catalogue stays as it is. Where the catalogue has documents and e
// has none, that is said too.
func Differing(e ServiceEntry) (ServiceEntry, error) {
	all, err := catalogue()
	if err != nil {
		return e, err
	}
	for _, base := range all {
		if base.ID != e.ID {
			continue
		}
		if len(e.Documents) == 0 && len(base.Documents) > 0 {
			e.Documents = []string{}
		}
		into, from := reflect.ValueOf(&e).Elem(), reflect.ValueOf(base)
		for i := range into.NumField() {
			if into.Type().Field(i).Name != "ID" && reflect.DeepEqual(into.Field(i).Interface(), from.Field(i).Interface()) {
				into.Field(i).SetZero()
			}
		}
		return e, nil
	}
	return e, nil
}

// InCatalogue reports whether the product itself knows a service; a territory cannot remove it.
func InCatalogue(id string) bool {
	all, err := catalogue()
	for _, e := range all {
		if e.ID == id {
			return true
		}
	}
	return err != nil
}
