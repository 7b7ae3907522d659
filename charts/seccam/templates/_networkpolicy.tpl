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
