package kiosk

import (
	"cmp"
	"context"
	"strings"
	"time"

	"sportello/booking/territory"
	"sportello/internal/store"
	"sportello/static"
)

// wording is how a message is put: what a manager wrote of it, or ours.
type wording struct {
	Subject string
	Intro   string // what comes behind the greeting, before the facts
}

// wordingOf returns a message's words in a language, with values in the place of the placeholders. Each
// language stands for itself: where the manager wrote nothing, our text says what is needed.
func wordingOf(ctx context.Context, tx *store.Tx, t *territory.Territory, name territory.TextName, lang string, values map[string]string) (wording, error) {
	text, err := territory.TextOf(ctx, tx, t.ID, name, lang)
	if err != nil {
		return wording{}, err
	}
	return worded(t, name, cmp.Or(text.Body, ourMail(name, lang)), values), nil
}

func worded(t *territory.Territory, name territory.TextName, body string, values map[string]string) wording {
	values[territory.PlaceholderTerritory] = t.Name
	filled, _ := territory.FillText(name, body, values) // was checked when it was saved
	subject, intro := territory.Mail(filled)
	return wording{subject, intro}
}

// ourMail is our own text of a message, with placeholders, as a manager would write it.
func ourMail(name territory.TextName, lang string) string {
	what := strings.TrimPrefix(string(name), "mail.")
	text := func(part string) string {
		return static.Text(lang, "mail."+part+"."+what, "moment", "{{moment}}", "until", "{{until}}")
	}
	return text("subject") + "\n\n" + text("intro")
}

// mailExample is how a message looks that is being edited, up to the facts, for an appointment at an
// instant.
func mailExample(t *territory.Territory, text territory.Text, at time.Time) *wording {
	at = at.In(t.Zone)
	values := map[string]string{
		territory.PlaceholderMoment: moment(text.Language, at), territory.PlaceholderUntil: static.Date(text.Language, at, static.FullDate),
	}
	if len(t.Offices) > 0 {
		values[territory.PlaceholderOffice] = t.Offices[0].Name
	}
	w := worded(t, text.Name, text.Body, values)
	w.Intro = static.Text(text.Language, "mail.hello", "name", "…") + "\n\n" + w.Intro
	return &w
}
