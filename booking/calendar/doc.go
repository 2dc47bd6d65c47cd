// Package calendar keeps the diary and other calendars in step: feeds and invitations out, external
// calendars in, and officers' own calendars both ways.
//
// An appointment is one event wherever it is told: its UID is that of UID, its SEQUENCE the
// appointment's, which rises with every change of time, place, officers or state. What a calendar of
// staff says of it is in [Event], at one of three levels of detail; it never has the citizen as an
// attendee, and says who comes only to those who may see it in the diary too.
//
// A feed is found by its secret alone, of which the database has a digest. It ends with the account
// that made it, and says what that account may know at the moment. The same diary gives the same
// bytes: times are those of the record, never of the reading.
//
// A source is an external calendar that says when an officer, a room or an office is busy. Of its
// events nothing is kept but from when until when: no title, no place, no people. The address of a
// source is as good as a password, and is kept encrypted like one. What cannot be read changes
// nothing: the last good answer stays, with its age. Who writes what a source says first locks its row,
// then offices.
//
// An officer's own calendar at a CalDAV server (RFC 4791) is a source into which appointments are
// written too. What the officer does there to an appointment is asked of a manager, never done.
package calendar
