{{- define "leeward.name" -}}
{{- .Release.Name | trunc 53 | trimSuffix "-" -}}
{{- end -}}

{{- define "leeward.selector" -}}
app.kubernetes.io/name: leeward-gateway
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "leeward.labels" -}}
{{ include "leeward.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end -}}

{{- define "leeward.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{/* What the chart says of the gateway; it wins over `config`. */}}
{{- define "leeward.config" -}}
{{- $own := dict
  "leeward" "cloud/v1"
  "listen" "0.0.0.0:7443"
  "enrolment" "0.0.0.0:7444"
  "hostnames" (concat .Values.hostnames (list (printf "%s.%s.svc" (include "leeward.name" .) .Release.Namespace) "localhost" "127.0.0.1"))
  "state" "/var/lib/leeward/state"
  "database" (dict "url_file" "/run/leeward/database/url")
  "max_streams" (.Values.maxStreams | int)
  "drain_s" (.Values.drainSeconds | int)
  "drain_notice_s" 5
-}}
{{- if .Values.http.enabled -}}
{{- $_ := set $own "http" (dict "listen" "0.0.0.0:7445" "certificate_file" "/run/leeward/tls/tls.crt" "private_key_file" "/run/leeward/tls/tls.key") -}}
{{- end -}}
{{- if .Values.metrics.enabled -}}
{{- $_ := set $own "metrics" (dict "listen" "0.0.0.0:7446" "token_file" "/run/leeward/metrics/token") -}}
{{- end -}}
{{- mustMergeOverwrite (deepCopy .Values.config) $own | toYaml -}}
{{- end -}}

{{/* Wishes that would be passed over in silence. */}}
{{- define "leeward.checked" -}}
{{- if and .Values.certManager.enabled (not .Values.http.enabled) -}}
{{- fail "certManager makes the certificate of the HTTP front: set http.enabled, too" -}}
{{- end -}}
{{- if and .Values.serviceMonitor.enabled (not .Values.metrics.enabled) -}}
{{- fail "serviceMonitor reads the gateway's metrics: set metrics.enabled, too" -}}
{{- end -}}
{{- if and .Values.autoscaling.enabled .Values.autoscaling.concurrency.enabled (not .Values.metrics.enabled) -}}
{{- fail "autoscaling.concurrency follows one of the gateway's metrics: set metrics.enabled, or autoscaling.concurrency.enabled to false" -}}
{{- end -}}
{{- end -}}
