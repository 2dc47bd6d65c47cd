package kiosk

// What the tests of the board look at from inside.
var (
	BoardState  = boardState
	RoundedWait = roundedWait
	SlidesOf    = slidesOf
	Spoken      = spoken
)

type (
	BoardJSON = boardJSON
	BoardWait = boardWait
)
