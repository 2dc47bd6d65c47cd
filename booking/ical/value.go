package ical

import (
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// ValueType is the form of a property's value (RFC 5545, section 3.3).
type ValueType string

// The value types of RFC 5545 that are written or understood here; those of other properties are not checked.
const (
	ValueCalendarAddress ValueType = "CAL-ADDRESS"
	ValueDate            ValueType = "DATE"
	ValueDateTime        ValueType = "DATE-TIME"
	ValueDuration        ValueType = "DURATION"
	ValueInt             ValueType = "INTEGER"
	ValuePeriod          ValueType = "PERIOD"
	ValueRecur           ValueType = "RECUR"
	ValueText            ValueType = "TEXT"
	ValueTime            ValueType = "TIME"
	ValueURI             ValueType = "URI"
	ValueUTCOffset       ValueType = "UTC-OFFSET"
)

// defaultType is the type that a property's value has without a VALUE parameter; TEXT where none is said.
func defaultType(name string) ValueType {
	switch name {
	case PropDateTimeStamp, PropLastModified, PropDateTimeStart, PropDateTimeEnd, PropRecurrenceDates, PropExceptionDates, PropRecurrenceID:
		return ValueDateTime
	case PropDuration, PropTrigger:
		return ValueDuration
	case PropRecurrenceRule:
		return ValueRecur
	case PropTimezoneOffsetFrom, PropTimezoneOffsetTo:
		return ValueUTCOffset
	case PropSequence:
		return ValueInt
	case PropURL:
		return ValueURI
	case PropOrganizer, PropAttendee:
		return ValueCalendarAddress
	}
	return ValueText
}

// The forms of dates and times in Go's notation.
const (
	dateForm     = "20060102"
	dateTimeForm = "20060102T150405"
)

// durationForm is dur-value of RFC 5545, section 3.3.6.
var durationForm = regexp.MustCompile(`^[+-]?P(\d+W|\d+D|(\d+D)?T(\d+H(\d+M(\d+S)?)?|\d+M(\d+S)?|\d+S))$`)

// Prop is a property of a component.
type Prop struct {
	Name   string
	Params Params
	Value  string // as it stands in the file, unfolded
}

// NewProp returns a property without a value.
func NewProp(name string) *Prop {
	return &Prop{Name: strings.ToUpper(name), Params: make(Params)}
}

// ValueType is the form of the value: what VALUE says, or else what the property has by itself.
func (p *Prop) ValueType() ValueType {
	if t := p.Params.Get(ParamValue); t != "" {
		return ValueType(strings.ToUpper(t))
	}
	return defaultType(strings.ToUpper(p.Name))
}

// SetValueType says the form of the value, with a VALUE parameter where the property would
// otherwise have another.
func (p *Prop) SetValueType(t ValueType) {
	p.Params.Del(ParamValue)
	if p.ValueType() == t {
		return
	}
	if p.Params == nil {
		p.Params = make(Params)
	}
	p.Params.Set(ParamValue, string(t))
}

// textEscaper writes TEXT (RFC 5545, section 3.3.11) of lines that end with LF alone.
var textEscaper = strings.NewReplacer(`\`, `\\`, ",", `\,`, ";", `\;`, "\n", `\n`)

// SetText sets text, which may have several lines.
func (p *Prop) SetText(text string) {
	p.SetValueType(ValueText)
	if strings.Contains(text, "\r") {
		text = strings.ReplaceAll(strings.ReplaceAll(text, "\r\n", "\n"), "\r", "\n")
	}
	p.Value = textEscaper.Replace(text)
}

// SetDate sets the civil date of t in its own location.
func (p *Prop) SetDate(t time.Time) {
	p.SetValueType(ValueDate)
	p.Value = t.Format(dateForm)
}

// SetDateTime sets an instant, in UTC and without the fraction of its second.
func (p *Prop) SetDateTime(t time.Time) {
	p.SetValueType(ValueDateTime)
	p.Value = t.UTC().Format(dateTimeForm + "Z")
}

// SetDuration sets an exact duration without the fraction of its second. It is written in hours,
// minutes and seconds: the days of RFC 5545, section 3.3.6, are as long as the clock makes them.
func (p *Prop) SetDuration(d time.Duration) {
	p.SetValueType(ValueDuration)
	sign, seconds := "", int64(d/time.Second)
	if seconds < 0 {
		sign, seconds = "-", -seconds
	}
	hour, minute, second := seconds/3600, seconds/60%60, seconds%60
	value := sign + "PT"
	if hour > 0 {
		value += strconv.FormatInt(hour, 10) + "H"
	}
	if minute > 0 || hour > 0 && second > 0 {
		value += strconv.FormatInt(minute, 10) + "M"
	}
	if second > 0 || seconds == 0 {
		value += strconv.FormatInt(second, 10) + "S"
	}
	p.Value = value
}

// SetInt sets a whole number.
func (p *Prop) SetInt(n int) {
	p.SetValueType(ValueInt)
	p.Value = strconv.Itoa(n)
}

// SetText puts one text property in the place of all of its name.
func (p Props) SetText(name, text string) {
	prop := Prop{Name: name}
	prop.SetText(text)
	p.Set(&prop)
}

// SetDateTime puts one property with an instant in the place of all of its name.
func (p Props) SetDateTime(name string, t time.Time) {
	prop := Prop{Name: name}
	prop.SetDateTime(t)
	p.Set(&prop)
}

// checkValue says what is wrong with the form of a value.
func (p *Prop) checkValue() error {
	ok := true
	switch p.ValueType() {
	case ValueDate:
		ok = p.each(func(s string) bool { return isTime(dateForm, s) })
	case ValueDateTime:
		ok = p.each(func(s string) bool { return isTime(dateTimeForm, strings.TrimSuffix(s, "Z")) })
	case ValuePeriod:
		ok = p.each(func(s string) bool {
			period, ok := parsePeriod(s)
			return ok && period.Start.Form != OnDate && (period.End != nil || period.Length != nil)
		})
	case ValueRecur:
		_, err := ParseRule(p.Value)
		ok = err == nil
	case ValueUTCOffset:
		_, ok = parseOffset(p.Value)
	case ValueDuration:
		ok = durationForm.MatchString(p.Value)
	case ValueInt:
		_, err := strconv.ParseInt(p.Value, 10, 32)
		ok = err == nil
	case ValueURI, ValueCalendarAddress:
		u, err := url.Parse(p.Value)
		ok = err == nil && u.Scheme != "" && !strings.ContainsAny(p.Value, ` <>"`)
	}
	if !ok {
		return fmt.Errorf("%w: not a value of type %s", ErrUnwritable, p.ValueType())
	}
	return nil
}

// each reports whether all values of a property that may have several pass a check, or else the one.
func (p *Prop) each(check func(string) bool) bool {
	if name := strings.ToUpper(p.Name); name != PropRecurrenceDates && name != PropExceptionDates {
		return check(p.Value)
	}
	for value := range strings.SplitSeq(p.Value, ",") {
		if !check(value) {
			return false
		}
	}
	return true
}

// isTime reports whether value has exactly this form: what is read has others as well.
func isTime(form, value string) bool {
	_, ok := parseDateTime(value)
	return ok && len(value) == len(form) && !strings.Contains(value, "t") && !strings.HasSuffix(value, "60")
}
