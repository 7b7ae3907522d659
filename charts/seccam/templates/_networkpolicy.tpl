{{/*
Networks as peers of a network policy. "Everywhere" excludes the addresses where clouds serve a node's credentials (link-local, and Amazon's
for IPv6). A network that is named explicitly is taken as it is.
*/}}
{{- define "seccam.networks" -}}
{{- $excluded := dict "0.0.0.0/0" (list "169.254.0.0/16") "::/0" (list "fe80::/10" "fd00:ec2::254/128") -}}
{{- $peers := list -}}
{{- range . -}}
{{- $block := dict "cidr" . -}}
{{- with get $excluded . -}}{{- $_ := set $block "except" . -}}{{- end -}}
{{- $peers = append $peers (dict "ipBlock" $block) -}}
{{- end -}}
{{- toYaml $peers -}}
{{- end -}}

{{/*
Networks that a camera may connect to, as a list; (list $ $camera). Empty: its source is no network camera. A source in a Secret may be
one, with any address.
*/}}
{{- define "seccam.camera.networks" -}}
{{- $camera := index . 1 -}}
{{- $source := $camera.source | default "" -}}
{{- $host := regexFind "://[^/?#]+" $source | trimPrefix "://" -}}
{{- $host = regexReplaceAll ":[0-9]+$" $host "" -}}
{{- $address := regexFind "^([0-9]+[.]){3}[0-9]+$|^\\[[0-9A-Fa-f:.]+\\]$" $host | trimPrefix "[" | trimSuffix "]" -}}
{{- $networks := list -}}
{{- if or $camera.sourceSecret $host -}}
{{- $networks = list "0.0.0.0/0" "::/0" -}}
{{- if (index . 0).Values.networkPolicy.cameraTo -}}
{{- $networks = (index . 0).Values.networkPolicy.cameraTo -}}
{{- else if $address -}}
{{- $networks = list (printf "%s/%s" $address (contains ":" $address | ternary "128" "32")) -}}
{{- end -}}
{{- end -}}
{{- toYaml $networks -}}
{{- end -}}
