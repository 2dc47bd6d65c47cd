package kiosk

// What the tests of the board look at from inside.
var (
	BoardState  = boardState
	RoundedWait = roundedWait
	SlidesOf    = slidesOf
	Spoken      = spoken
	WaitOf      = waitOf
)

type (
	BoardJSON = boardJSON
	BoardWait = boardWait
)
