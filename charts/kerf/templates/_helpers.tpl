{{- /* SPDX-License-Identifier: Apache-2.0 */}}

{{- /* Labels of every object. Call with (list $ component). */}}
{{- define "kerf.labels" -}}
{{- $root := index . 0 -}}
app.kubernetes.io/name: kerf
app.kubernetes.io/component: {{ index . 1 }}
app.kubernetes.io/instance: {{ $root.Release.Name }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
helm.sh/chart: {{ $root.Chart.Name }}-{{ $root.Chart.Version }}
{{- with $root.Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- /* Labels a selector may use: never changed by an upgrade. */}}
{{- define "kerf.selector" -}}
app.kubernetes.io/name: kerf
app.kubernetes.io/component: {{ index . 1 }}
app.kubernetes.io/instance: {{ (index . 0).Release.Name }}
{{- end }}

{{- /* Call with (list $ image). */}}
{{- define "kerf.image" -}}
{{- $root := index . 0 -}}
{{- $image := index . 1 -}}
{{- $name := $image.repository -}}
{{- with $root.Values.global.imageRegistry }}{{ $name = printf "%s/%s" . $name }}{{ end -}}
{{- if $image.digest }}{{ $name }}@{{ $image.digest }}{{ else }}{{ $name }}:{{ $image.tag | default $root.Chart.AppVersion }}{{ end -}}
{{- end }}

{{- /* JSON list of every resource name of every enabled vendor, synonyms too, sorted. */}}
{{- define "kerf.resourceNames" -}}
{{- $names := list -}}
{{- range .Values.vendors -}}{{- if .enabled -}}
{{- $names = concat $names (list .count .priority) .memory .memoryPercentage .cores -}}
{{- end -}}{{- end -}}
{{- $names | uniq | sortAlpha | toJson -}}
{{- end }}

{{- define "kerf.schedulerAccount" -}}
system:serviceaccount:{{ .Release.Namespace }}:kerf-scheduler
{{- end }}

{{- define "kerf.agentAccount" -}}
system:serviceaccount:{{ .Release.Namespace }}:kerf-device-plugin
{{- end }}

{{- /* JSON: vendor that an agent of ours serves in this cluster → that agent's own values. */}}
{{- define "kerf.agents" -}}
{{- $agents := dict -}}
{{- if .Values.vendors.nvidia.enabled -}}
{{- $agents = dict "nvidia" (dict "metricsListen" .Values.devicePlugin.metricsListen "nodeSelector" .Values.devicePlugin.nodeSelector "driverLibrary" .Values.devicePlugin.nvmlLibrary "name" "device-plugin") -}}
{{- end -}}
{{- range $vendor, $agent := .Values.devicePlugin.otherVendors -}}
{{- if (index $.Values.vendors $vendor).enabled -}}
{{- $agents = set $agents $vendor (set (deepCopy $agent) "name" (printf "device-plugin-%s" $vendor)) -}}
{{- end -}}
{{- end -}}
{{- $agents | toJson -}}
{{- end }}

{{- /* CEL: the user is this node's own agent. The claim is in tokens bound to a pod or a node. */}}
{{- define "kerf.isOwnAgent" -}}
request.userInfo.username == '{{ include "kerf.agentAccount" . }}'
&& has(request.userInfo.extra) && 'authentication.kubernetes.io/node-name' in request.userInfo.extra
&& request.userInfo.extra['authentication.kubernetes.io/node-name'] == [request.name]
{{- end }}

{{- /* KubeSchedulerConfiguration; scheduler-config/kube-scheduler.yaml is the same with default values. */}}
{{- define "kerf.schedulerConfiguration" -}}
apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
clientConnection:
  {{- with .Values.scheduler.kubeScheduler.kubeconfig }}
  kubeconfig: {{ . | quote }}
  {{- end }}
  qps: {{ .Values.scheduler.kubeScheduler.qps }}
  burst: {{ .Values.scheduler.kubeScheduler.burst }}
leaderElection:
  leaderElect: {{ .Values.scheduler.leaderElect }}
  resourceName: kerf-scheduler
  resourceNamespace: {{ .Release.Namespace }}
percentageOfNodesToScore: {{ .Values.scheduler.kubeScheduler.percentageOfNodesToScore }}
profiles:
  - schedulerName: {{ .Values.scheduler.name }}
extenders:
  - urlPrefix: {{ .Values.scheduler.extender.urlPrefix }}
    filterVerb: filter
    prioritizeVerb: prioritize
    bindVerb: bind
    weight: {{ .Values.scheduler.extender.weight }}
    enableHTTPS: false
    httpTimeout: {{ .Values.scheduler.extender.httpTimeout }}
    nodeCacheCapable: true
    ignorable: false
    managedResources:
      {{- range include "kerf.resourceNames" . | fromJsonArray }}
      - name: {{ . }}
        ignoredByScheduler: true
      {{- end }}
{{- end }}

{{- /* What JSON Schema cannot say; each failure is one sentence. */}}
{{- define "kerf.validate" -}}
{{- if and .Values.webhook.enabled .Values.webhook.url (not .Values.webhook.caBundle) -}}
{{- fail "webhook.caBundle is empty: want the authority's PEM in base64 where webhook.url is given" -}}
{{- end -}}
{{- if and .Values.webhook.enabled (not .Values.webhook.url) (eq .Values.webhook.certificate.mode "secret") (not .Values.webhook.caBundle) -}}
{{- fail "webhook.caBundle is empty: want the authority's PEM in base64 where webhook.certificate.mode is secret" -}}
{{- end -}}
{{- if and (gt (int .Values.scheduler.replicas) 1) (not .Values.scheduler.leaderElect) -}}
{{- fail (printf "scheduler.replicas is %d: want 1 where scheduler.leaderElect is false, or two would place pods at once" (int .Values.scheduler.replicas)) -}}
{{- end -}}
{{- if .Values.metrics.podMonitors.enabled -}}
{{- $listens := dict "monitor.listen" .Values.monitor.listen -}}
{{- range $vendor, $agent := include "kerf.agents" . | fromJson -}}
{{- $key := ternary "devicePlugin.metricsListen" (printf "devicePlugin.otherVendors.%s.metricsListen" $vendor) (eq $vendor "nvidia") -}}
{{- $listens = set $listens $key $agent.metricsListen -}}
{{- end -}}
{{- range $key, $listen := $listens -}}
{{- if regexMatch "^(127\\.|localhost:|\\[::1\\]:)" $listen -}}
{{- fail (printf "%s is %s: want an address that Prometheus reaches (0.0.0.0:%s) where metrics.podMonitors.enabled is true" $key $listen (regexFind "[0-9]+$" $listen)) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $all := list -}}
{{- range .Values.vendors }}{{ $all = concat $all (list .count .priority) .memory .memoryPercentage .cores }}{{ end -}}
{{- if eq (include "kerf.resourceNames" .) "[]" -}}
{{- fail "vendors has none enabled: want vendors.<name>.enabled true for at least one" -}}
{{- end -}}
{{- if ne (len $all) (len (uniq $all)) -}}
{{- fail (printf "vendors name a resource twice: want each of %s once" (join ", " ($all | sortAlpha))) -}}
{{- end -}}
{{- end }}

{{- /* Pod and container settings of a program that needs nothing of the machine. */}}
{{- define "kerf.plainPodSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile: { type: RuntimeDefault }
{{- end }}

{{- define "kerf.plainContainerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: { drop: [ALL] }
{{- end }}

{{- /* Slots of each device: enough for the splits of the node and of the policy document. */}}
{{- define "kerf.slotsPerDevice" -}}
{{- $most := max (int .Values.devicePlugin.slotsPerDevice) (int .Values.devicePlugin.splits) -}}
{{- range .Values.policy.document.overcommit }}{{ $most = max $most (int .splits) }}{{ end -}}
{{- $most -}}
{{- end }}

{{- /* Alert rules, with links to where their runbooks are. */}}
{{- define "kerf.alerts" -}}
{{ .Files.Get "alerts/kerf.yaml" | replace "RUNBOOKS" .Values.alerts.runbooks | trim }}
{{- end }}
