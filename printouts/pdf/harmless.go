package pdf

import (
	"maps"
	"slices"
)

// What does something in a file, by the key that it stands under (sections 12.6, 12.6.4.16, 7.11.4, 12.7.8
// and Annex K of ISO 32000-1).
var (
	activeKeys = map[name]Refusal{
		"JS": Script, "XFA": XFA, "EF": Attachment, "RichMediaContent": Attachment,
	}
	activeActions = map[name]Refusal{
		"JavaScript": Script, "Launch": Action, "SubmitForm": Action, "ImportData": Action, "Rendition": Action, "Movie": Action,
		"Sound": Action, "GoToE": Attachment, "GoTo3DView": Action, "RichMediaExecute": Action,
	}
	activeKinds = map[name]Refusal{
		"FileAttachment": Attachment, "RichMedia": Attachment, "Screen": Action, "Movie": Action, "Sound": Action, "3D": Action,
	}
)

// harmless refuses a file that does more than show pages, or unpacks to too much. It looks at every object
// whether or not something leads to it; what cannot be read is copied nowhere.
func (f *File) harmless() error {
	if err := f.inert(f.trailer, 0); err != nil {
		return err
	}
	for _, n := range slices.Sorted(maps.Keys(f.entries)) {
		value, err := f.object(n)
		if err == Heavy {
			return err
		}
		if err != nil {
			continue
		}
		if s, ok := value.(*stream); ok {
			if err := f.weigh(s); err == Heavy {
				return err
			}
			if s.dict["Type"] == name("EmbeddedFile") {
				return Attachment
			}
			value = s.dict
		}
		if err := f.inert(value, 0); err != nil {
			return err
		}
	}
	return nil
}

// inert refuses a value in which something does something.
func (f *File) inert(value object, depth int) error {
	if depth > maxDepth {
		return Broken
	}
	switch v := value.(type) {
	case array:
		for _, each := range v {
			if err := f.inert(each, depth+1); err != nil {
				return err
			}
		}
	case dict:
		for _, key := range sortedKeys(v) {
			if why, active := activeKeys[key]; active {
				return why
			}
			if err := f.inert(v[key], depth+1); err != nil {
				return err
			}
		}
		action, _ := f.value(v["S"])
		if of, ok := action.(name); ok && activeActions[of] != "" {
			return activeActions[of]
		}
		kind, _ := f.value(v["Subtype"])
		if of, ok := kind.(name); ok && v["Rect"] != nil && activeKinds[of] != "" {
			return activeKinds[of]
		}
	}
	return nil
}
