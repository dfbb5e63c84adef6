// Tell the platform that it can close this page.
(window.opener || window.parent).postMessage({ subject: "org.imsglobal.lti.close" }, "*");
