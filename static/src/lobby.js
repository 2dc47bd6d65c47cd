// The kiosk in the lobby. Every page works without this; with it the address bar and the history
// never learn where a citizen has been, and the kiosk finds back by itself when the line was down.
import './lobby/scan.js' // before keys.js: what a reader types is not for fields
import './lobby/keys.js'
import './lobby/search.js'
import './lobby/touch.js'
import './lobby/held.js'
import './lobby/idle.js'
import './lobby/number.js'
import './lobby/waiting.js'
import './lobby/reading.js'
import './lobby/fit.js' // measures a page once the others have made it ready
import { begin } from './lobby/pages.js'

begin()
