document.getElementById('redirect').submit();
