// The issuer's pages. Large and plain on purpose: a test reads them as pixels of a video and uses them by clicks
// and keys alone.
import { css } from './marks.mjs';

const escape = (text) => text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);

// Blocks and lines only: a light browser knows neither flex nor :focus-within, and shows the same page without focus marks.
const STYLE = `
  * { box-sizing: border-box; margin: 0; padding: 0 }
  body { font: 22px sans-serif; padding: 16px 24px; background: #fff; color: #222; overflow: hidden }
  h1 { font-size: 26px; height: 48px; overflow: hidden }
  .row { display: block; height: 64px; width: 728px; margin-bottom: 16px }
  .row i, .row b { float: left; width: 64px; height: 64px }
  .row input { float: left; font: inherit; height: 64px; width: 600px; padding: 0 16px; border: 2px solid #888 }
  .user:focus-within b { background: ${css('userFocus')} }
  .password:focus-within b { background: ${css('passwordFocus')} }
  button { font: inherit; border: 0; color: #fff; height: 64px; width: 320px; text-align: left; padding-left: 200px; margin-right: 40px }
  pre { font: 18px monospace; width: 728px; white-space: pre-wrap; word-break: break-all }
  .banner { height: 64px; width: 728px; padding: 18px; margin-bottom: 16px; text-align: right }
`;

const page = (title, body) => `<!doctype html><html lang="en"><meta charset="utf-8"><title>${escape(title)}</title>
<link rel="icon" href="data:,"><style>${STYLE}</style><h1>${escape(title)}</h1>${body}</html>`;

const hidden = (fields) => Object.entries(fields).map(([name, value]) => `<input type="hidden" name="${name}" value="${escape(value)}">`).join('');
const banner = (mark, words) => `<p class="banner" style="background:${css(mark)}">${escape(words)}</p>`;

// The mark at its left says where it is, the one at its right that it takes the keys.
const field = (mark, name, type, extra) =>
  `<label class="row ${name}"><i style="background:${css(mark)}"></i><input name="${name}" type="${type}" placeholder="${name}" autocomplete="off" ${extra}><b></b></label>`;

/** Asks who it is. `wrong` says that it was asked before. */
export function loginPage(host, uid, wrong) {
  return page(`Sign in to ${host}`, `<form method="post" action="/interaction/${uid}/login">${wrong ? banner('wrongPassword', 'Wrong password') : ''}
    ${field('userField', 'user', 'text', 'autofocus')}
    ${field('passwordField', 'password', 'password', '')}
    <button style="background:${css('submit')}">Sign in</button></form>`);
}

/** Asks whether the CLI may have what it wants. */
export function consentPage(client, uid) {
  return page(`Allow ${client}?`, `<form method="post" action="/interaction/${uid}/consent"><button name="answer" value="allow" style="background:${css('consent')}" autofocus>Allow</button><button name="answer" value="deny" style="background:${css('deny')}">Deny</button></form>`);
}

/** Asks for the code that a CLI shows. `refused` says why it is asked again. */
export function codePage(site, action, fields, refused) {
  return page(`Device sign-in at ${site}`, `<form method="post" action="${escape(action)}">${hidden(fields)}${refused ? banner('wrongPassword', refused) : ''}
    ${field('userField', 'user_code', 'text', 'autofocus')}
    <button style="background:${css('submit')}">Continue</button></form>`);
}

/** Asks whether it is this device (RFC 8628, 3.3 and 5.4). */
export function codeConfirmPage(client, action, fields, code) {
  return page(`Is ${code} shown by ${client}?`, `<form method="post" action="${escape(action)}">${hidden(fields)}<button style="background:${css('submit')}">Yes</button><button name="abort" value="yes" style="background:${css('deny')}">No</button></form>`);
}

/** Shows what a person pastes into a CLI. */
export function pastePage(code) {
  return page('Paste this code into your terminal', `<pre id="code">${escape(code)}</pre>`);
}

/** Says that nothing came of it. */
export const refusedPage = (words) => page('Not signed in', banner('wrongPassword', words));

/** The last page of a CLI that sends the browser to its vendor's site. */
export const endPage = (words) => page(words, banner('end', ''));
