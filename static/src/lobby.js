// The kiosk in the lobby. Every page works without this; with it the address bar and the history
// never learn where a citizen has been, and the kiosk finds back by itself when the line was down.
import './lobby/search.js' // before touch.js, which takes the forms that nobody else took
import './lobby/touch.js'
import './lobby/idle.js'
import './lobby/number.js'
import './lobby/waiting.js'
import './lobby/reading.js'
import './lobby/fit.js' // measures a page once the others have made it ready
import { begin } from './lobby/pages.js'

begin()
