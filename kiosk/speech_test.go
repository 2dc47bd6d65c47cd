package kiosk_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"log/slog"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"sportello/kiosk"
)

const call = "Numero A, 42. Sportello 3."

var quiet = slog.New(slog.DiscardHandler)

func speaker(t *testing.T, dir string) *kiosk.Speech {
	t.Helper()
	if _, err := exec.LookPath("espeak-ng"); err != nil {
		t.Skip("espeak-ng is not installed")
	}
	return kiosk.NewSpeech(dir, quiet)
}

func say(t *testing.T, s *kiosk.Speech, text string) []byte {
	t.Helper()
	wav, err := s.Say(t.Context(), text)
	if err != nil {
		t.Fatalf("Say(%q): %v", text, err)
	}
	return wav
}

// sound is a WAV file as another program reads it.
type sound struct {
	rate    int
	samples []float64
}

func (s sound) lasts() time.Duration {
	return time.Duration(len(s.samples)) * time.Second / time.Duration(s.rate)
}

// part returns the samples between two moments.
func (s sound) part(from, to time.Duration) []float64 {
	at := func(d time.Duration) int { return min(len(s.samples), int(d.Seconds()*float64(s.rate))) }
	return s.samples[at(from):at(to)]
}

func readWAV(t *testing.T, wav []byte) sound {
	t.Helper()
	var h struct {
		RIFF          [4]byte
		Size          uint32
		WAVE, Fmt     [4]byte
		FmtSize       uint32
		Format, Chans uint16
		Rate, Bytes   uint32
		Align, Bits   uint16
		Data          [4]byte
		DataSize      uint32
	}
	r := bytes.NewReader(wav)
	if err := binary.Read(r, binary.LittleEndian, &h); err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprintf("%s %d %s %s%d %d %d %d %d %d %s %d", h.RIFF, h.Size, h.WAVE, h.Fmt, h.FmtSize, h.Format, h.Chans, h.Bytes, h.Align, h.Bits, h.Data, h.DataSize)
	want := fmt.Sprintf("RIFF %d WAVE fmt 16 1 1 %d 2 16 data %d", len(wav)-8, 2*h.Rate, len(wav)-44)
	if got != want {
		t.Fatalf("WAV header\n got %s\nwant %s", got, want)
	}
	pcm := make([]int16, h.DataSize/2)
	if err := binary.Read(r, binary.LittleEndian, pcm); err != nil {
		t.Fatal(err)
	}
	s := sound{rate: int(h.Rate), samples: make([]float64, len(pcm))}
	for i, v := range pcm {
		s.samples[i] = float64(v) / math.MaxInt16
	}
	return s
}

// power is how much of a frequency is in samples (Goertzel's algorithm, normalised by length).
func power(samples []float64, rate int, hertz float64) float64 {
	coefficient := 2 * math.Cos(2*math.Pi*hertz/float64(rate))
	var s1, s2 float64
	for _, v := range samples {
		s1, s2 = v+coefficient*s1-s2, s1
	}
	n := float64(len(samples))
	return (s1*s1 + s2*s2 - coefficient*s1*s2) / (n * n)
}

func loudness(samples []float64) float64 {
	sum := 0.0
	for _, v := range samples {
		sum += v * v
	}
	return math.Sqrt(sum / float64(max(1, len(samples))))
}

func TestSpeechRingsThenSpeaks(t *testing.T) {
	spoken := readWAV(t, say(t, speaker(t, t.TempDir()), call))
	if got := spoken.lasts(); got < 3*time.Second || got > 8*time.Second {
		t.Errorf("lasts %v, want 3 to 8 seconds", got)
	}
	for _, tone := range []struct {
		name     string
		hertz    float64
		from, to time.Duration
	}{
		{"first tone", 659.26, 0, 280 * time.Millisecond},
		{"second tone", 523.25, 520 * time.Millisecond, 900 * time.Millisecond},
	} {
		part := spoken.part(tone.from, tone.to)
		there := power(part, spoken.rate, tone.hertz)
		for _, beside := range []float64{0.85, 1.18} {
			if other := power(part, spoken.rate, beside*tone.hertz); there < 20*other {
				t.Errorf("%s: power %.2g at %.0f Hz, %.2g beside it", tone.name, there, tone.hertz, other)
			}
		}
	}
	if got := loudness(spoken.part(920*time.Millisecond, 1130*time.Millisecond)); got > 0.001 {
		t.Errorf("loudness %.3f between chime and speech, want silence", got)
	}
	if got := loudness(spoken.part(1150*time.Millisecond, spoken.lasts())); got < 0.05 {
		t.Errorf("loudness %.3f of the speech, want it heard", got)
	}
	if first := math.Abs(spoken.samples[0]); first > 0.01 {
		t.Errorf("begins with %.2f of full scale, which clicks", first)
	}
	peak := 0.0
	for _, v := range spoken.samples {
		peak = max(peak, math.Abs(v))
	}
	if peak < 0.85 || peak > 0.95 {
		t.Errorf("peak %.2f of full scale, want 0.9", peak)
	}
}

func TestSpeechReadsNumbersWhole(t *testing.T) {
	s := speaker(t, "")
	short := readWAV(t, say(t, s, "Numero A, 42.")).lasts()
	long := readWAV(t, say(t, s, "Numero A, 0 4 2.")).lasts()
	if short >= long {
		t.Errorf("42 takes %v, 0 4 2 takes %v", short, long)
	}
}

func TestSpeechIsCached(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made", "when needed")
	first := say(t, speaker(t, dir), call)
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 1 {
		t.Fatalf("cache holds %v, %v; want one file", files, err)
	}
	marked := []byte("kept")
	if err := os.WriteFile(filepath.Join(dir, files[0].Name()), marked, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := say(t, speaker(t, dir), call); !bytes.Equal(got, marked) {
		t.Error("the second call was rendered again")
	}
	if got := say(t, speaker(t, dir), "Numero B, 1. Sportello 3."); bytes.Equal(got, marked) || bytes.Equal(got, first) {
		t.Error("another text gave the same sound")
	}
}

func TestSpeechCacheIsBounded(t *testing.T) {
	const kept = 256
	dir := t.TempDir()
	for i := range kept + 10 {
		name := filepath.Join(dir, fmt.Sprintf("%03d.wav", i))
		if err := os.WriteFile(name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
		old := time.Date(2026, 1, 1, 0, i, 0, 0, time.UTC)
		if err := os.Chtimes(name, old, old); err != nil {
			t.Fatal(err)
		}
	}
	say(t, speaker(t, dir), call)
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != kept {
		t.Fatalf("%d files in the cache, %v; want %d", len(files), err, kept)
	}
	for name, want := range map[string]bool{"010.wav": false, "011.wav": true} {
		if _, err := os.Stat(filepath.Join(dir, name)); (err == nil) != want {
			t.Errorf("%s is there: %v, want %v", name, err == nil, want)
		}
	}
}

func TestSpeechSurvivesACacheThatCannotBeWritten(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := readWAV(t, say(t, speaker(t, filepath.Join(file, "dir")), call)).lasts(); got < 2*time.Second {
		t.Errorf("lasts %v, want speech", got)
	}
}

func TestSpeechRendersOneTextOnce(t *testing.T) {
	bin, dir := t.TempDir(), t.TempDir()
	real, err := exec.LookPath("espeak-ng")
	if err != nil {
		t.Skip("espeak-ng is not installed")
	}
	runs := filepath.Join(t.TempDir(), "runs")
	script := fmt.Sprintf("#!/bin/sh\necho run >> %s\nsleep 0.2\nexec %s \"$@\"\n", runs, real)
	if err := os.WriteFile(filepath.Join(bin, "espeak-ng"), []byte(script), 0o700); err != nil {
		t.Fatal(err)
	}
	t.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	s := kiosk.NewSpeech(dir, quiet)
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			if _, err := s.Say(t.Context(), call); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if got, err := os.ReadFile(runs); err != nil || string(got) != "run\n" {
		t.Errorf("espeak-ng ran %q, %v; want once", got, err)
	}
}

func TestSpeechWithoutEspeakRings(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	var log bytes.Buffer
	s := kiosk.NewSpeech(t.TempDir(), slog.New(slog.NewTextHandler(&log, nil)))
	if s.Speaks() {
		t.Error("speaks without espeak-ng")
	}
	if got := strings.Count(log.String(), "install espeak-ng"); got != 1 {
		t.Errorf("warned %d times, want once: %s", got, &log)
	}
	wav := say(t, s, call)
	if !bytes.Equal(wav, s.Chime()) {
		t.Error("says something else than the chime")
	}
	if got := readWAV(t, wav).lasts(); got < 700*time.Millisecond || got > time.Second {
		t.Errorf("chime lasts %v, want 0.7 to 1 second", got)
	}
}

func TestSpeechReportsWhatEspeakSays(t *testing.T) {
	for name, script := range map[string]string{
		"fails":          "#!/bin/sh\necho no such voice >&2\nexit 1\n",
		"no sound":       "#!/bin/sh\n",
		"not a WAV file": "#!/bin/sh\necho hello, this is not sound at all\n",
	} {
		t.Run(name, func(t *testing.T) {
			bin, dir := t.TempDir(), t.TempDir()
			if err := os.WriteFile(filepath.Join(bin, "espeak-ng"), []byte(script), 0o700); err != nil {
				t.Fatal(err)
			}
			t.Setenv("PATH", bin)
			if wav, err := kiosk.NewSpeech(dir, quiet).Say(t.Context(), call); err == nil {
				t.Errorf("Say gave %d bytes, want an error", len(wav))
			}
			if files, _ := os.ReadDir(dir); len(files) != 0 {
				t.Errorf("cached %v", files)
			}
		})
	}
}
