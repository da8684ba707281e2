//! A sign-in with a code: what to enter, and where.

import { OwnBrowser, type PanelProps, SignInLink } from "./OwnBrowser";
import { CopyButton } from "./parts";

export function CodePanel(props: PanelProps) {
  const { deviceCode } = props.view;
  if (!deviceCode) return null;
  return (
    <OwnBrowser {...props}>
      <li>
        <h2>Copy this code</h2>
        <div className="code-row">
          <output className="code" data-device-code>
            {deviceCode.code}
          </output>
          <CopyButton text={deviceCode.code} label="Copy code" />
        </div>
        {/* RFC 8628, section 5.4. */}
        <p className="caution">
          This code is for the sign-in that you started here. Never enter a code that somebody sent you: it
          would sign them in as you.
        </p>
      </li>
      <li>
        <h2>Enter it on the sign-in page</h2>
        <SignInLink url={deviceCode.url} />
      </li>
    </OwnBrowser>
  );
}
