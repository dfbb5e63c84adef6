// Send the form of this page by itself. Without this script its button does the same.
document.getElementById("send-back").submit();
