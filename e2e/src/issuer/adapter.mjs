// Codex refreshes with a JSON body, and Claude Code asks for all its tokens with one; RFC 6749 (sections 4.1.3 and 6) and so
// the certified provider take a form. The real vendors take JSON. Only the notation is changed here.

const MAX_BODY_BYTES = 16 * 1024;

/** Reads a JSON token request and puts the same request as a form in its place. */
export async function jsonToForm(request) {
  if (request.method !== 'POST' || !(request.headers['content-type'] ?? '').startsWith('application/json')) return;
  let text = '';
  for await (const chunk of request) {
    text += chunk;
    if (text.length > MAX_BODY_BYTES) throw new Error('the token request is too long');
  }
  const fields = Object.entries(JSON.parse(text)).filter(([name]) => name !== 'refresh_reason');
  request.headers['content-type'] = 'application/x-www-form-urlencoded';
  request.body = new URLSearchParams(fields).toString();
}
