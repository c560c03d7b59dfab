# Reads netplan's format (network-config version 2), in block or flow style, loosely: an interface begins at its
# `macaddress`, an address is a word with a prefix length, a gateway follows `via`, `gateway4` or `gateway6`.
# Prints: mac address gateway, with - for no gateway.
function flush_nic(  n) {
  for (n = 1; n <= count; n++) print mac, address[n], (address[n] ~ /:/ ? gateway6 : gateway4)
  count = 0; gateway4 = gateway6 = "-"
}
BEGIN { count = 0; gateway4 = gateway6 = "-" }
{
  gsub(/[][{},"']/, " ")
  for (i = 1; i <= NF; i++) {
    word = $i
    if (word == "macaddress:" || word == "macaddress" ) { flush_nic(); key = "mac"; continue }
    if (word == ":" || word == "-") continue
    if (word ~ /^(via|gateway4|gateway6):?$/) { key = "gateway"; continue }
    if (word ~ /^to:?$/) { key = "to"; continue }
    if (word ~ /^addresses:?$/) { key = "addresses"; continue }
    if (word ~ /:$/) { key = ""; continue }
    sub(/^:/, "", word)
    if (key == "mac") { mac = tolower(word); key = "" }
    else if (key == "gateway") { if (word ~ /:/) gateway6 = word; else gateway4 = word; key = "" }
    else if (key == "addresses" && word ~ /\//) address[++count] = word
  }
}
END { flush_nic() }
