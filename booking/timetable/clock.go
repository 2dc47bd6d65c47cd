package timetable

import (
	"fmt"
	"strings"
	"time"
)

// Grid is the distance in minutes between the times at which anything can be booked. Clock and
// Interval allow any minute; a caller that does not asks OnGrid.
const Grid = 5

const midnight = Clock(24 * 60) // that ends the day

// ParseClock reads a wall-clock time in its text form, 00:00 to 24:00.
func ParseClock(text string) (Clock, error) {
	n, ok := fields(text, "00:00")
	c := Clock(n[0]*60 + n[1])
	if !ok || n[1] > 59 || c > midnight {
		return 0, fmt.Errorf("%q is not a time such as 09:30", text)
	}
	return c, nil
}

// String returns the text form of c.
func (c Clock) String() string { return fmt.Sprintf("%02d:%02d", int(c)/60, int(c)%60) }

// MarshalText returns the text form of c. It refuses what is not 0 to 1440.
func (c Clock) MarshalText() ([]byte, error) {
	if !c.exists() {
		return nil, fmt.Errorf("minute %d is not in a day", int(c))
	}
	return []byte(c.String()), nil
}

// UnmarshalText reads what MarshalText writes.
func (c *Clock) UnmarshalText(text []byte) error {
	parsed, err := ParseClock(string(text))
	if err != nil {
		return err
	}
	*c = parsed
	return nil
}

// OnGrid reports whether c is a multiple of Grid.
func (c Clock) OnGrid() bool { return c%Grid == 0 }

func (c Clock) exists() bool { return c >= 0 && c <= midnight }

// ParseInterval reads an interval in its text form. It refuses one that does not end after it begins.
func ParseInterval(text string) (Interval, error) {
	from, until, ok := strings.Cut(text, "-")
	if !ok {
		return Interval{}, fmt.Errorf("%q is not an interval such as 09:00-12:30", text)
	}
	var i Interval
	var err error
	if i.From, err = ParseClock(from); err != nil {
		return Interval{}, err
	}
	if i.Until, err = ParseClock(until); err != nil {
		return Interval{}, err
	}
	if i.empty() {
		return Interval{}, fmt.Errorf("the interval %s does not end after it begins", text)
	}
	return i, nil
}

// String returns the text form of i.
func (i Interval) String() string { return i.From.String() + "-" + i.Until.String() }

// MarshalText returns the text form of i. It refuses what UnmarshalText refuses.
func (i Interval) MarshalText() ([]byte, error) {
	if !i.From.exists() || !i.Until.exists() {
		return nil, fmt.Errorf("the interval of minutes %d to %d is not in a day", int(i.From), int(i.Until))
	}
	if i.empty() {
		return nil, fmt.Errorf("the interval %s does not end after it begins", i)
	}
	return []byte(i.String()), nil
}

// UnmarshalText reads what MarshalText writes.
func (i *Interval) UnmarshalText(text []byte) error {
	parsed, err := ParseInterval(string(text))
	if err != nil {
		return err
	}
	*i = parsed
	return nil
}

// OnGrid reports whether both ends of i are multiples of Grid.
func (i Interval) OnGrid() bool { return i.From.OnGrid() && i.Until.OnGrid() }

func (i Interval) empty() bool { return i.Until <= i.From }

// ParseWeekday reads a weekday: mon, tue, wed, thu, fri, sat or sun.
func ParseWeekday(text string) (time.Weekday, error) {
	for day := range time.Weekday(7) {
		if text == WeekdayName(day) {
			return day, nil
		}
	}
	return 0, fmt.Errorf("%q is not a weekday: mon, tue, wed, thu, fri, sat or sun", text)
}

// WeekdayName returns the text form of day, which ParseWeekday reads.
func WeekdayName(day time.Weekday) string { return strings.ToLower(day.String()[:3]) }

// fields reads the numbers of a text of exactly the given shape, in which 0 stands for any digit.
func fields(text, shape string) (numbers [3]int, ok bool) {
	if len(text) != len(shape) {
		return numbers, false
	}
	field := 0
	for i := range len(shape) {
		switch {
		case shape[i] == '0' && text[i] >= '0' && text[i] <= '9':
			numbers[field] = 10*numbers[field] + int(text[i]-'0')
		case shape[i] != '0' && text[i] == shape[i]:
			field++
		default:
			return numbers, false
		}
	}
	return numbers, true
}
