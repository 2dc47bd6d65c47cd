package kiosk

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/singleflight"
)

// How calls are spoken. Slower than espeak-ng's 175 words a minute: a waiting room is loud, and many
// who sit in it hear Italian as their second language.
const (
	speechVoice  = "it"
	speechSpeed  = 135 // words a minute
	speechPeak   = 0.9 // of full scale, so that every sentence is as loud as the next
	speechPause  = 250 * time.Millisecond
	speechWithin = 10 * time.Second
	speechKept   = 256 // sentences in the cache, about 200 kB each
	speechRate   = 22050
)

// Speech makes the sound of calls: a chime, then the call spoken in Italian by espeak-ng. Sentences
// are cached in a folder, so that the boards of an office and calls that are repeated cost nothing.
// Where espeak-ng is not installed the chime remains. It is safe for use by many goroutines.
type Speech struct {
	program string // "" when there is none
	dir     string // "" keeps nothing
	flight  singleflight.Group
}

// NewSpeech finds espeak-ng, and warns when it is not there. It caches in dir, which is made when
// needed and is Speech's own: what is oldest in it is deleted. An empty dir caches nothing.
func NewSpeech(dir string, log *slog.Logger) *Speech {
	program, err := exec.LookPath("espeak-ng")
	if err != nil {
		log.Warn("boards ring but do not speak: install espeak-ng", "error", err)
		program = ""
	}
	return &Speech{program: program, dir: dir}
}

// Speaks reports whether Say speaks, and does not only ring.
func (s *Speech) Speaks() bool { return s.program != "" }

// Chime returns the chime alone as a WAV file.
func (s *Speech) Chime() []byte {
	return encodeWAV(speechRate, chime(speechRate))
}

// Say returns a WAV file (16 bit, mono) of the chime and then of text as Italian speech, or of the
// chime alone where there is no speech. Those who ask for one text at the same time wait for one
// rendering, which goes on when ctx ends.
func (s *Speech) Say(ctx context.Context, text string) ([]byte, error) {
	if !s.Speaks() {
		return s.Chime(), nil
	}
	sum := sha256.Sum256([]byte(speechVoice + "\x00" + strconv.Itoa(speechSpeed) + "\x00" + text))
	name := hex.EncodeToString(sum[:16]) + ".wav"
	rendered := s.flight.DoChan(name, func() (any, error) { return s.cached(context.WithoutCancel(ctx), name, text) })
	select {
	case r := <-rendered:
		if r.Err != nil {
			return nil, r.Err
		}
		return r.Val.([]byte), nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// cached returns the file name of the cache, and first makes it when it is not there. A cache that
// cannot be written does not silence the board.
func (s *Speech) cached(ctx context.Context, name, text string) ([]byte, error) {
	if s.dir == "" {
		return s.render(ctx, text)
	}
	if wav, err := os.ReadFile(filepath.Join(s.dir, name)); err == nil {
		return wav, nil
	}
	wav, err := s.render(ctx, text)
	if err != nil {
		return nil, err
	}
	if s.keep(name, wav) == nil {
		s.prune()
	}
	return wav, nil
}

func (s *Speech) render(ctx context.Context, text string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, speechWithin)
	defer cancel()
	cmd := exec.CommandContext(ctx, s.program, "-b", "1", "-v", speechVoice, "-s", strconv.Itoa(speechSpeed), "-z", "--stdin", "--stdout")
	cmd.Stdin = strings.NewReader(text)
	var complaint bytes.Buffer
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("speak: %w: %s", err, bytes.TrimSpace(complaint.Bytes()))
	}
	rate, spoken, err := decodeWAV(out)
	if err != nil {
		return nil, fmt.Errorf("speak: %w", err)
	}
	level(spoken)
	pause := make([]float64, samples(rate, speechPause))
	return encodeWAV(rate, slices.Concat(chime(rate), pause, spoken)), nil
}

// keep writes a file of the cache whole or not at all.
func (s *Speech) keep(name string, wav []byte) error {
	if err := os.MkdirAll(s.dir, 0o755); err != nil {
		return err
	}
	f, err := os.CreateTemp(s.dir, "new-*")
	if err != nil {
		return err
	}
	_, err = f.Write(wav)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), filepath.Join(s.dir, name))
	}
	if err != nil {
		os.Remove(f.Name())
	}
	return err
}

// prune deletes the oldest files of the cache until speechKept remain.
func (s *Speech) prune() {
	entries, err := os.ReadDir(s.dir)
	if err != nil || len(entries) <= speechKept {
		return
	}
	age := make(map[string]time.Time, len(entries))
	for _, e := range entries {
		if info, err := e.Info(); err == nil {
			age[e.Name()] = info.ModTime()
		}
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int {
		return cmp.Or(age[a.Name()].Compare(age[b.Name()]), cmp.Compare(a.Name(), b.Name()))
	})
	for _, e := range entries[:len(entries)-speechKept] {
		os.Remove(filepath.Join(s.dir, e.Name()))
	}
}

// The chime: a falling major third, E5 then C5, as of a doorbell.
var chimeTones = [...]struct {
	hertz     float64
	at, lasts time.Duration
}{
	{hertz: 659.26, at: 0, lasts: 500 * time.Millisecond},
	{hertz: 523.25, at: 280 * time.Millisecond, lasts: 620 * time.Millisecond},
}

// chime returns the samples of the chime, -1 to 1, at a rate of samples a second.
func chime(rate int) []float64 {
	last := chimeTones[len(chimeTones)-1]
	out := make([]float64, samples(rate, last.at+last.lasts))
	for _, tone := range chimeTones {
		strike(out[samples(rate, tone.at):], rate, tone.hertz, tone.lasts)
	}
	return out
}

// strike adds a struck bar to out: a tone and two quiet partials that die away, faded in and out so
// that it does not click.
func strike(out []float64, rate int, hertz float64, lasts time.Duration) {
	const fadeIn, fadeOut, loud = 0.008, 0.060, 0.4
	end := lasts.Seconds()
	for i := range min(len(out), samples(rate, lasts)) {
		t := float64(i) / float64(rate)
		fade := min(1, t/fadeIn, (end-t)/fadeOut)
		turn := 2 * math.Pi * hertz * t
		tone := math.Sin(turn) + 0.25*math.Exp(-6*t)*math.Sin(2*turn) + 0.1*math.Exp(-12*t)*math.Sin(4*turn)
		out[i] += loud * fade * math.Exp(-4*t) * tone
	}
}

// level scales a sound so that its loudest sample is at speechPeak.
func level(sound []float64) {
	peak := 0.0
	for _, v := range sound {
		peak = max(peak, math.Abs(v))
	}
	if peak == 0 {
		return
	}
	for i := range sound {
		sound[i] *= speechPeak / peak
	}
}

func samples(rate int, d time.Duration) int { return int(d.Seconds() * float64(rate)) }

// WAV's header: RIFF, then a "fmt " and a "data" chunk, all little-endian (Multimedia Programming
// Interface and Data Specifications 1.0, IBM and Microsoft, 1991).
const (
	wavHeader = 44
	wavPCM    = 1
	fullScale = math.MaxInt16
)

// encodeWAV returns mono 16-bit PCM.
func encodeWAV(rate int, sound []float64) []byte {
	size := 2 * len(sound)
	out := make([]byte, 0, wavHeader+size)
	le := binary.LittleEndian
	out = le.AppendUint32(append(out, "RIFF"...), uint32(wavHeader-8+size))
	out = le.AppendUint32(append(out, "WAVEfmt "...), 16)
	out = le.AppendUint16(le.AppendUint16(out, wavPCM), 1)
	out = le.AppendUint32(le.AppendUint32(out, uint32(rate)), uint32(2*rate))
	out = le.AppendUint16(le.AppendUint16(out, 2), 16)
	out = le.AppendUint32(append(out, "data"...), uint32(size))
	for _, v := range sound {
		out = le.AppendUint16(out, uint16(int16(math.Round(fullScale*min(1, max(-1, v))))))
	}
	return out
}

// decodeWAV returns the samples of mono 16-bit PCM. It allows a data chunk that claims to be longer
// than the file, as programs write it that cannot know the length before they are done.
func decodeWAV(wav []byte) (rate int, sound []float64, err error) {
	if len(wav) < 12 || string(wav[:4]) != "RIFF" || string(wav[8:12]) != "WAVE" {
		return 0, nil, errors.New("not a WAV file")
	}
	le := binary.LittleEndian
	for rest := wav[12:]; len(rest) >= 8; {
		id, size := string(rest[:4]), int(le.Uint32(rest[4:8]))
		body := rest[8:min(len(rest), 8+size)]
		switch {
		case id == "fmt " && len(body) >= 16:
			if le.Uint16(body) != wavPCM || le.Uint16(body[2:]) != 1 || le.Uint16(body[14:]) != 16 {
				return 0, nil, errors.New("WAV file is not mono 16-bit PCM")
			}
			rate = int(le.Uint32(body[4:]))
		case id == "data" && rate > 0:
			sound = make([]float64, len(body)/2)
			for i := range sound {
				sound[i] = float64(int16(le.Uint16(body[2*i:]))) / fullScale
			}
			return rate, sound, nil
		}
		rest = rest[min(len(rest), 8+size+size%2):]
	}
	return 0, nil, errors.New("WAV file without sound")
}
