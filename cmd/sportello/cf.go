package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/urfave/cli/v3"

	"sportello/booking/fiscalcode"
	"sportello/booking/timetable"
)

func cfCommand() *cli.Command {
	return &cli.Command{
		Name:      "cf",
		Usage:     "check a codice fiscale and say what it tells; ends with 1 when it is not valid",
		ArgsUsage: "[CODE]",
		Description: "CODE is as somebody types it or a scanner gives it. Without it, it is read from standard input:\n" +
			"command lines can be read by others on the machine.",
		Flags:  []cli.Flag{&cli.BoolFlag{Name: "json", Usage: "print it for programs"}},
		Action: readCode,
	}
}

// codeReading is what is printed of a codice fiscale for programs.
type codeReading struct {
	Code        string               `json:"code"`
	Valid       bool                 `json:"valid"`
	Sex         *fiscalcode.Sex      `json:"sex"`
	BirthDate   *timetable.Date      `json:"birth_date"`
	Certain     bool                 `json:"birth_century_certain"`
	Place       *codePlace           `json:"place"`
	Omocodia    int                  `json:"omocodia"` // digits replaced by letters
	Provisional bool                 `json:"provisional"`
	Warnings    []fiscalcode.Warning `json:"warnings"`
}

type codePlace struct {
	Code     string `json:"code"`
	Name     string `json:"name"`
	Province string `json:"province"`
	Country  string `json:"country"`
}

func readCode(_ context.Context, c *cli.Command) error {
	now, err := clock(c.String("clock"))
	if err != nil {
		return err
	}
	text, err := typedCode(c)
	if err != nil {
		return err
	}
	code, err := fiscalcode.Scan(text)
	told := readingOf(code, timetable.DateOf(now()))
	if err != nil {
		told.Code = strings.TrimSpace(text)
	}
	out := c.Root().Writer
	if c.Bool("json") {
		return errors.Join(json.NewEncoder(out).Encode(told), refusedCode(err))
	}
	if err == nil {
		tellCode(out, told)
	}
	return refusedCode(err)
}

// typedCode is the argument, or standard input.
func typedCode(c *cli.Command) (string, error) {
	if c.Args().Len() > 0 {
		return strings.Join(c.Args().Slice(), " "), nil
	}
	const longest = 4096 // what scanners emit is shorter
	text, err := io.ReadAll(io.LimitReader(c.Root().Reader, longest))
	if err != nil {
		return "", fmt.Errorf("standard input: %w", err)
	}
	return string(text), nil
}

func refusedCode(err error) error {
	if err == nil {
		return nil
	}
	return hint(err, "Compare it with the card, letter by letter; O and 0, I and 1 look alike.")
}

// readingOf is what code tells on a day; nothing when it is "".
func readingOf(code fiscalcode.Code, today timetable.Date) codeReading {
	told := codeReading{Code: string(code), Warnings: []fiscalcode.Warning{}}
	if code == "" {
		return told
	}
	told.Valid, told.Provisional, told.Omocodia = true, code.Provisional(), code.Omocodia()
	if told.Provisional {
		return told
	}
	r := code.Read(today)
	told.Sex, told.BirthDate, told.Certain = &r.Sex, &r.Births[0], len(r.Births) == 1
	told.Warnings = append(told.Warnings, r.Warnings...)
	if r.Place.Name != "" {
		told.Place = (*codePlace)(&r.Place)
	}
	return told
}

// codeWarnings are the warnings in words.
var codeWarnings = map[fiscalcode.Warning]string{
	fiscalcode.CenturyAmbiguous: "the birth may be a hundred years off: ask",
	fiscalcode.PlaceUnknown:     "the place of birth is not in the tables: ask",
	fiscalcode.PlaceNotThen:     "the place was not there on the day of birth: ask",
}

func tellCode(out io.Writer, told codeReading) {
	fmt.Fprintf(out, "%s is valid\n", told.Code)
	if told.Provisional {
		fmt.Fprintln(out, "  provisional: it tells nothing of its holder")
		return
	}
	fmt.Fprintf(out, "  sex %s, born %s", *told.Sex, told.BirthDate)
	if p := told.Place; p != nil {
		fmt.Fprintf(out, " in %s (%s)", p.Name, strings.Join(strings.Fields(p.Province+" "+p.Country), ", "))
	}
	fmt.Fprintln(out)
	if told.Omocodia > 0 {
		fmt.Fprintf(out, "  omocodia: %d digits are letters\n", told.Omocodia)
	}
	for _, w := range told.Warnings {
		fmt.Fprintf(out, "  %s\n", codeWarnings[w])
	}
}
