package territory

import "embed"

//go:embed demo/*.toml
var demoFiles embed.FS

// DemoFile is a demonstration territory as a file.
type DemoFile struct {
	ID   string // of the territory
	Text []byte
}

// Demo returns the demonstration territories: real places, invented people.
func Demo() ([]DemoFile, error) {
	var all []DemoFile
	for _, id := range []string{"isernia", "milano", "bergamo", "livorno"} {
		text, err := demoFiles.ReadFile("demo/" + id + ".toml")
		if err != nil {
			return nil, err
		}
		all = append(all, DemoFile{id, text})
	}
	return all, nil
}
