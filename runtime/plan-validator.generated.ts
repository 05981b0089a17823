// @ts-nocheck
/** Made from plan.schema.json by scripts/plan-validator.mjs; do not edit. */
export const validatePlan = validate10;

const schema11 = {"$schema":"http://json-schema.org/draft-07/schema#","title":"Adapt plan","type":"object","required":["version","compiler","models","sources"],"properties":{"version":{"type":"integer","enum":[1]},"compiler":{"type":"string"},"models":{"type":"object","additionalProperties":{"$ref":"#/definitions/model"}},"sources":{"type":"object","additionalProperties":{"$ref":"#/definitions/source"}}},"definitions":{"count":{"type":"integer","minimum":0},"counts":{"type":"array","items":{"$ref":"#/definitions/count"}},"dtype":{"enum":["f32","f16","bf16","i32","bool"]},"storage":{"enum":["f64","f32","f16","bf16","i64","i32","i16","i8","u64","u32","u16","u8","bool"]},"dim":{"type":"array","items":{"type":"object","required":["coef","factors"],"properties":{"coef":{"type":"integer"},"factors":{"type":"array","items":{"anyOf":[{"type":"string"},{"type":"object","required":["fn","of","by"],"properties":{"fn":{"enum":["floor","mod"]},"of":{"$ref":"#/definitions/dim"},"by":{"$ref":"#/definitions/dim"}}}]}}}}},"shape":{"type":"array","items":{"$ref":"#/definitions/dim"}},"source":{"type":"object","required":["path","kind","files","tokenizer"],"properties":{"path":{"type":"string"},"kind":{"enum":["base","adapter"]},"tokenizer":{"type":"boolean"},"files":{"type":"array","items":{"type":"object","required":["file","headerHash"],"properties":{"file":{"type":"string"},"headerHash":{"type":"string"}}}}}},"graph":{"type":"object","required":["dims","nodes","outputs"],"properties":{"dims":{"type":"array","items":{"type":"object","required":["name","from"],"properties":{"name":{"type":"string"},"from":{"type":"object","required":["kind"],"properties":{"kind":{"enum":["input","past"]},"input":{"type":"string"},"axis":{"$ref":"#/definitions/count"}}}}}},"nodes":{"type":"array","items":{"type":"object","required":["id","op","inputs","type"],"properties":{"id":{"$ref":"#/definitions/count"},"op":{"type":"string"},"inputs":{"$ref":"#/definitions/counts"},"type":{"type":"object","required":["dtype","shape"],"properties":{"dtype":{"$ref":"#/definitions/dtype"},"shape":{"$ref":"#/definitions/shape"}}}}}},"outputs":{"type":"array","items":{"type":"object","required":["name","node"],"properties":{"name":{"type":"string"},"node":{"$ref":"#/definitions/count"}}}},"assertions":{"type":"array","items":{"type":"object","required":["relation","left","right","what"],"properties":{"relation":{"enum":["equal","atMost"]},"left":{"$ref":"#/definitions/dim"},"right":{"$ref":"#/definitions/dim"},"what":{"type":"string"},"code":{"type":"string"}}}}}},"model":{"type":"object","required":["graph","weights","inputs","outputs","states","role","generation","programs"],"properties":{"graph":{"$ref":"#/definitions/graph"},"weights":{"$ref":"#/definitions/counts"},"inputs":{"type":"array","items":{"type":"object","required":["name","dtype","shape"],"properties":{"name":{"type":"string"},"dtype":{"$ref":"#/definitions/dtype"},"shape":{"$ref":"#/definitions/shape"},"default":{"enum":["arange","ones","zeros","absent"]},"adds":{"type":"object","required":["rows","dim"],"properties":{"rows":{"type":"integer","minimum":1},"dim":{"type":"string"}},"additionalProperties":false},"domain":{"type":"object","required":["kind"],"properties":{"kind":{"enum":["range","simplex","bool","text"]},"from":{"type":"number"},"to":{"type":"number"},"inclusive":{"type":"boolean"},"whole":{"type":"boolean"},"expected":{"type":"string"},"values":{"type":"array","items":{"type":"string"}},"closed":{"type":"boolean"}}}}}},"outputs":{"type":"array","items":{"type":"object","required":["name","node","dtype","shape"],"properties":{"name":{"type":"string"},"node":{"$ref":"#/definitions/count"},"dtype":{"$ref":"#/definitions/dtype"},"shape":{"$ref":"#/definitions/shape"}}}},"states":{"type":"array","items":{"type":"object","required":["name","dtype","shape"],"properties":{"name":{"type":"string"},"dtype":{"$ref":"#/definitions/dtype"},"shape":{"$ref":"#/definitions/shape"},"axis":{"$ref":"#/definitions/count"}}}},"role":{"type":"string"},"generation":{"type":"object","required":["eos"],"properties":{"eos":{"$ref":"#/definitions/counts"},"bos":{"$ref":"#/definitions/count"},"pad":{"$ref":"#/definitions/count"},"maxPositions":{"$ref":"#/definitions/count"},"start":{"type":"array","items":{"anyOf":[{"$ref":"#/definitions/count"},{"$ref":"#/definitions/counts"}]}},"first":{"$ref":"#/definitions/count"},"last":{"$ref":"#/definitions/count"},"barred":{"$ref":"#/definitions/counts"},"barredFirst":{"$ref":"#/definitions/counts"},"barredSequences":{"type":"array","items":{"$ref":"#/definitions/counts"}},"noRepeat":{"$ref":"#/definitions/count"},"minLength":{"$ref":"#/definitions/count"},"minNew":{"$ref":"#/definitions/count"},"repetitionPenalty":{"type":"number"},"topK":{"$ref":"#/definitions/count"},"topP":{"type":"number"},"minP":{"type":"number"},"remarks":{"type":"array","items":{"type":"string"}}}},"programs":{"type":"object","properties":{"webgpu":{"$ref":"#/definitions/program"},"cpu":{"$ref":"#/definitions/program"}}}}},"program":{"type":"object","required":["kernels","buffers","steps","dims"],"properties":{"kernels":{"type":"array","items":{"type":"object","required":["name","code","bindings"],"properties":{"name":{"type":"string"},"code":{"type":"string"},"bindings":{"type":"array","items":{"type":"object","required":["access"],"properties":{"access":{"enum":["read","read_write"]}}}},"requires":{"type":"array","items":{"type":"string"}},"scratch":{"$ref":"#/definitions/count"}}}},"buffers":{"type":"array","items":{"type":"object","required":["kind"],"properties":{"kind":{"enum":["weight","slot","input","output","state"]},"parts":{"$ref":"#/definitions/counts"},"sizes":{"$ref":"#/definitions/shape"},"name":{"type":"string"}}}},"steps":{"type":"array","items":{"type":"object","required":["label","args","variants"],"properties":{"label":{"type":"string"},"args":{"$ref":"#/definitions/counts"},"variants":{"type":"array","items":{"type":"object","required":["kernel","grid"],"properties":{"kernel":{"$ref":"#/definitions/count"},"when":{"type":"object","required":["dim","atMost"],"properties":{"dim":{"$ref":"#/definitions/dim"},"atMost":{"type":"integer"}}},"grid":{"$ref":"#/definitions/shape"}}}}}}},"dims":{"type":"array","items":{"type":"string"}}}}}};
const schema40 = {"type":"object","required":["path","kind","files","tokenizer"],"properties":{"path":{"type":"string"},"kind":{"enum":["base","adapter"]},"tokenizer":{"type":"boolean"},"files":{"type":"array","items":{"type":"object","required":["file","headerHash"],"properties":{"file":{"type":"string"},"headerHash":{"type":"string"}}}}}};
const schema12 = {"type":"object","required":["graph","weights","inputs","outputs","states","role","generation","programs"],"properties":{"graph":{"$ref":"#/definitions/graph"},"weights":{"$ref":"#/definitions/counts"},"inputs":{"type":"array","items":{"type":"object","required":["name","dtype","shape"],"properties":{"name":{"type":"string"},"dtype":{"$ref":"#/definitions/dtype"},"shape":{"$ref":"#/definitions/shape"},"default":{"enum":["arange","ones","zeros","absent"]},"adds":{"type":"object","required":["rows","dim"],"properties":{"rows":{"type":"integer","minimum":1},"dim":{"type":"string"}},"additionalProperties":false},"domain":{"type":"object","required":["kind"],"properties":{"kind":{"enum":["range","simplex","bool","text"]},"from":{"type":"number"},"to":{"type":"number"},"inclusive":{"type":"boolean"},"whole":{"type":"boolean"},"expected":{"type":"string"},"values":{"type":"array","items":{"type":"string"}},"closed":{"type":"boolean"}}}}}},"outputs":{"type":"array","items":{"type":"object","required":["name","node","dtype","shape"],"properties":{"name":{"type":"string"},"node":{"$ref":"#/definitions/count"},"dtype":{"$ref":"#/definitions/dtype"},"shape":{"$ref":"#/definitions/shape"}}}},"states":{"type":"array","items":{"type":"object","required":["name","dtype","shape"],"properties":{"name":{"type":"string"},"dtype":{"$ref":"#/definitions/dtype"},"shape":{"$ref":"#/definitions/shape"},"axis":{"$ref":"#/definitions/count"}}}},"role":{"type":"string"},"generation":{"type":"object","required":["eos"],"properties":{"eos":{"$ref":"#/definitions/counts"},"bos":{"$ref":"#/definitions/count"},"pad":{"$ref":"#/definitions/count"},"maxPositions":{"$ref":"#/definitions/count"},"start":{"type":"array","items":{"anyOf":[{"$ref":"#/definitions/count"},{"$ref":"#/definitions/counts"}]}},"first":{"$ref":"#/definitions/count"},"last":{"$ref":"#/definitions/count"},"barred":{"$ref":"#/definitions/counts"},"barredFirst":{"$ref":"#/definitions/counts"},"barredSequences":{"type":"array","items":{"$ref":"#/definitions/counts"}},"noRepeat":{"$ref":"#/definitions/count"},"minLength":{"$ref":"#/definitions/count"},"minNew":{"$ref":"#/definitions/count"},"repetitionPenalty":{"type":"number"},"topK":{"$ref":"#/definitions/count"},"topP":{"type":"number"},"minP":{"type":"number"},"remarks":{"type":"array","items":{"type":"string"}}}},"programs":{"type":"object","properties":{"webgpu":{"$ref":"#/definitions/program"},"cpu":{"$ref":"#/definitions/program"}}}}};
const schema18 = {"enum":["f32","f16","bf16","i32","bool"]};
const schema14 = {"type":"integer","minimum":0};
const schema13 = {"type":"object","required":["dims","nodes","outputs"],"properties":{"dims":{"type":"array","items":{"type":"object","required":["name","from"],"properties":{"name":{"type":"string"},"from":{"type":"object","required":["kind"],"properties":{"kind":{"enum":["input","past"]},"input":{"type":"string"},"axis":{"$ref":"#/definitions/count"}}}}}},"nodes":{"type":"array","items":{"type":"object","required":["id","op","inputs","type"],"properties":{"id":{"$ref":"#/definitions/count"},"op":{"type":"string"},"inputs":{"$ref":"#/definitions/counts"},"type":{"type":"object","required":["dtype","shape"],"properties":{"dtype":{"$ref":"#/definitions/dtype"},"shape":{"$ref":"#/definitions/shape"}}}}}},"outputs":{"type":"array","items":{"type":"object","required":["name","node"],"properties":{"name":{"type":"string"},"node":{"$ref":"#/definitions/count"}}}},"assertions":{"type":"array","items":{"type":"object","required":["relation","left","right","what"],"properties":{"relation":{"enum":["equal","atMost"]},"left":{"$ref":"#/definitions/dim"},"right":{"$ref":"#/definitions/dim"},"what":{"type":"string"},"code":{"type":"string"}}}}}};
const schema16 = {"type":"array","items":{"$ref":"#/definitions/count"}};

function validate13(data, {instancePath="", parentData, parentDataProperty, rootData=data}={}){
let vErrors = null;
let errors = 0;
if(errors === 0){
if(Array.isArray(data)){
var valid0 = true;
const len0 = data.length;
for(let i0=0; i0<len0; i0++){
let data0 = data[i0];
const _errs1 = errors;
const _errs2 = errors;
if(!(((typeof data0 == "number") && (!(data0 % 1) && !isNaN(data0))) && (isFinite(data0)))){
validate13.errors = [{instancePath:instancePath+"/" + i0,schemaPath:"#/definitions/count/type",keyword:"type",params:{type: "integer"},message:"must be integer"}];
return false;
}
if(errors === _errs2){
if((typeof data0 == "number") && (isFinite(data0))){
if(data0 < 0 || isNaN(data0)){
validate13.errors = [{instancePath:instancePath+"/" + i0,schemaPath:"#/definitions/count/minimum",keyword:"minimum",params:{comparison: ">=", limit: 0},message:"must be >= 0"}];
return false;
}
}
}
var valid0 = _errs1 === errors;
if(!valid0){
break;
}
}
}
else {
validate13.errors = [{instancePath,schemaPath:"#/type",keyword:"type",params:{type: "array"},message:"must be array"}];
return false;
}
}
validate13.errors = vErrors;
return errors === 0;
}

const schema19 = {"type":"array","items":{"$ref":"#/definitions/dim"}};
const schema20 = {"type":"array","items":{"type":"object","required":["coef","factors"],"properties":{"coef":{"type":"integer"},"factors":{"type":"array","items":{"anyOf":[{"type":"string"},{"type":"object","required":["fn","of","by"],"properties":{"fn":{"enum":["floor","mod"]},"of":{"$ref":"#/definitions/dim"},"by":{"$ref":"#/definitions/dim"}}}]}}}}};
const wrapper0 = {validate: validate16};

function validate16(data, {instancePath="", parentData, parentDataProperty, rootData=data}={}){
let vErrors = null;
let errors = 0;
if(errors === 0){
if(Array.isArray(data)){
var valid0 = true;
const len0 = data.length;
for(let i0=0; i0<len0; i0++){
let data0 = data[i0];
const _errs1 = errors;
if(errors === _errs1){
if(data0 && typeof data0 == "object" && !Array.isArray(data0)){
let missing0;
if(((data0.coef === undefined) && (missing0 = "coef")) || ((data0.factors === undefined) && (missing0 = "factors"))){
validate16.errors = [{instancePath:instancePath+"/" + i0,schemaPath:"#/items/required",keyword:"required",params:{missingProperty: missing0},message:"must have required property '"+missing0+"'"}];
return false;
}
else {
if(data0.coef !== undefined){
let data1 = data0.coef;
const _errs3 = errors;
if(!(((typeof data1 == "number") && (!(data1 % 1) && !isNaN(data1))) && (isFinite(data1)))){
validate16.errors = [{instancePath:instancePath+"/" + i0+"/coef",schemaPath:"#/items/properties/coef/type",keyword:"type",params:{type: "integer"},message:"must be integer"}];
return false;
}
var valid1 = _errs3 === errors;
}
else {
var valid1 = true;
}
if(valid1){
if(data0.factors !== undefined){
let data2 = data0.factors;
const _errs5 = errors;
if(errors === _errs5){
if(Array.isArray(data2)){
var valid2 = true;
const len1 = data2.length;
for(let i1=0; i1<len1; i1++){
let data3 = data2[i1];
const _errs7 = errors;
const _errs8 = errors;
let valid3 = false;
const _errs9 = errors;
if(typeof data3 !== "string"){
const err0 = {instancePath:instancePath+"/" + i0+"/factors/" + i1,schemaPath:"#/items/properties/factors/items/anyOf/0/type",keyword:"type",params:{type: "string"},message:"must be string"};
if(vErrors === null){
vErrors = [err0];
}
else {
vErrors.push(err0);
}
errors++;
}
var _valid0 = _errs9 === errors;
valid3 = valid3 || _valid0;
if(!valid3){
const _errs11 = errors;
if(errors === _errs11){
if(data3 && typeof data3 == "object" && !Array.isArray(data3)){
let missing1;
if((((data3.fn === undefined) && (missing1 = "fn")) || ((data3.of === undefined) && (missing1 = "of"))) || ((data3.by === undefined) && (missing1 = "by"))){
const err1 = {instancePath:instancePath+"/" + i0+"/factors/" + i1,schemaPath:"#/items/properties/factors/items/anyOf/1/required",keyword:"required",params:{missingProperty: missing1},message:"must have required property '"+missing1+"'"};
if(vErrors === null){
vErrors = [err1];
}
else {
vErrors.push(err1);
}
errors++;
}
else {
if(data3.fn !== undefined){
let data4 = data3.fn;
const _errs13 = errors;
if(!((data4 === "floor") || (data4 === "mod"))){
const err2 = {instancePath:instancePath+"/" + i0+"/factors/" + i1+"/fn",schemaPath:"#/items/properties/factors/items/anyOf/1/properties/fn/enum",keyword:"enum",params:{allowedValues: schema20.items.properties.factors.items.anyOf[1].properties.fn.enum},message:"must be equal to one of the allowed values"};
if(vErrors === null){
vErrors = [err2];
}
else {
vErrors.push(err2);
}
errors++;
}
var valid4 = _errs13 === errors;
}
else {
var valid4 = true;
}
if(valid4){
if(data3.of !== undefined){
const _errs14 = errors;
if(!(wrapper0.validate(data3.of, {instancePath:instancePath+"/" + i0+"/factors/" + i1+"/of",parentData:data3,parentDataProperty:"of",rootData}))){
vErrors = vErrors === null ? wrapper0.validate.errors : vErrors.concat(wrapper0.validate.errors);
errors = vErrors.length;
}
var valid4 = _errs14 === errors;
}
else {
var valid4 = true;
}
if(valid4){
if(data3.by !== undefined){
const _errs15 = errors;
if(!(wrapper0.validate(data3.by, {instancePath:instancePath+"/" + i0+"/factors/" + i1+"/by",parentData:data3,parentDataProperty:"by",rootData}))){
vErrors = vErrors === null ? wrapper0.validate.errors : vErrors.concat(wrapper0.validate.errors);
errors = vErrors.length;
}
var valid4 = _errs15 === errors;
}
else {
var valid4 = true;
}
}
}
}
}
else {
const err3 = {instancePath:instancePath+"/" + i0+"/factors/" + i1,schemaPath:"#/items/properties/factors/items/anyOf/1/type",keyword:"type",params:{type: "object"},message:"must be object"};
if(vErrors === null){
vErrors = [err3];
}
else {
vErrors.push(err3);
}
errors++;
}
}
var _valid0 = _errs11 === errors;
valid3 = valid3 || _valid0;
}
if(!valid3){
const err4 = {instancePath:instancePath+"/" + i0+"/factors/" + i1,schemaPath:"#/items/properties/factors/items/anyOf",keyword:"anyOf",params:{},message:"must match a schema in anyOf"};
if(vErrors === null){
vErrors = [err4];
}
else {
vErrors.push(err4);
}
errors++;
validate16.errors = vErrors;
return false;
}
else {
errors = _errs8;
if(vErrors !== null){
if(_errs8){
vErrors.length = _errs8;
}
else {
vErrors = null;
}
}
}
var valid2 = _errs7 === errors;
if(!valid2){
break;
}
}
}
else {
validate16.errors = [{instancePath:instancePath+"/" + i0+"/factors",schemaPath:"#/items/properties/factors/type",keyword:"type",params:{type: "array"},message:"must be array"}];
return false;
}
}
var valid1 = _errs5 === errors;
}
else {
var valid1 = true;
}
}
}
}
else {
validate16.errors = [{instancePath:instancePath+"/" + i0,schemaPath:"#/items/type",keyword:"type",params:{type: "object"},message:"must be object"}];
return false;
}
}
var valid0 = _errs1 === errors;
if(!valid0){
break;
}
}
}
else {
validate16.errors = [{instancePath,schemaPath:"#/type",keyword:"type",params:{type: "array"},message:"must be array"}];
return false;
}
}
validate16.errors = vErrors;
return errors === 0;
}


function validate15(data, {instancePath="", parentData, parentDataProperty, rootData=data}={}){
let vErrors = null;
let errors = 0;
if(errors === 0){
if(Array.isArray(data)){
var valid0 = true;
const len0 = data.length;
for(let i0=0; i0<len0; i0++){
const _errs1 = errors;
if(!(validate16(data[i0], {instancePath:instancePath+"/" + i0,parentData:data,parentDataProperty:i0,rootData}))){
vErrors = vErrors === null ? validate16.errors : vErrors.concat(validate16.errors);
errors = vErrors.length;
}
var valid0 = _errs1 === errors;
if(!valid0){
break;
}
}
}
else {
validate15.errors = [{instancePath,schemaPath:"#/type",keyword:"type",params:{type: "array"},message:"must be array"}];
return false;
}
}
validate15.errors = vErrors;
return errors === 0;
}


function validate12(data, {instancePath="", parentData, parentDataProperty, rootData=data}={}){
let vErrors = null;
let errors = 0;
if(errors === 0){
if(data && typeof data == "object" && !Array.isArray(data)){
let missing0;
if((((data.dims === undefined) && (missing0 = "dims")) || ((data.nodes === undefined) && (missing0 = "nodes"))) || ((data.outputs === undefined) && (missing0 = "outputs"))){
validate12.errors = [{instancePath,schemaPath:"#/required",keyword:"required",params:{missingProperty: missing0},message:"must have required property '"+missing0+"'"}];
return false;
}
else {
if(data.dims !== undefined){
let data0 = data.dims;
const _errs1 = errors;
if(errors === _errs1){
if(Array.isArray(data0)){
var valid1 = true;
const len0 = data0.length;
for(let i0=0; i0<len0; i0++){
let data1 = data0[i0];
const _errs3 = errors;
if(errors === _errs3){
if(data1 && typeof data1 == "object" && !Array.isArray(data1)){
let missing1;
if(((data1.name === undefined) && (missing1 = "name")) || ((data1.from === undefined) && (missing1 = "from"))){
validate12.errors = [{instancePath:instancePath+"/dims/" + i0,schemaPath:"#/properties/dims/items/required",keyword:"required",params:{missingProperty: missing1},message:"must have required property '"+missing1+"'"}];
return false;
}
else {
if(data1.name !== undefined){
const _errs5 = errors;
if(typeof data1.name !== "string"){
validate12.errors = [{instancePath:instancePath+"/dims/" + i0+"/name",schemaPath:"#/properties/dims/items/properties/name/type",keyword:"type",params:{type: "string"},message:"must be string"}];
return false;
}
var valid2 = _errs5 === errors;
}
else {
var valid2 = true;
}
if(valid2){
if(data1.from !== undefined){
let data3 = data1.from;
const _errs7 = errors;
if(errors === _errs7){
if(data3 && typeof data3 == "object" && !Array.isArray(data3)){
let missing2;
if((data3.kind === undefined) && (missing2 = "kind")){
validate12.errors = [{instancePath:instancePath+"/dims/" + i0+"/from",schemaPath:"#/properties/dims/items/properties/from/required",keyword:"required",params:{missingProperty: missing2},message:"must have required property '"+missing2+"'"}];
return false;
}
else {
if(data3.kind !== undefined){
let data4 = data3.kind;
const _errs9 = errors;
if(!((data4 === "input") || (data4 === "past"))){
validate12.errors = [{instancePath:instancePath+"/dims/" + i0+"/from/kind",schemaPath:"#/properties/dims/items/properties/from/properties/kind/enum",keyword:"enum",params:{allowedValues: schema13.properties.dims.items.properties.from.properties.kind.enum},message:"must be equal to one of the allowed values"}];
return false;
}
var valid3 = _errs9 === errors;
}
else {
var valid3 = true;
}
if(valid3){
if(data3.input !== undefined){
const _errs10 = errors;
if(typeof data3.input !== "string"){
validate12.errors = [{instancePath:instancePath+"/dims/" + i0+"/from/input",schemaPath:"#/properties/dims/items/properties/from/properties/input/type",keyword:"type",params:{type: "string"},message:"must be string"}];
return false;
}
var valid3 = _errs10 === errors;
}
else {
var valid3 = true;
}
if(valid3){
if(data3.axis !== undefined){
let data6 = data3.axis;
const _errs12 = errors;
const _errs13 = errors;
if(!(((typeof data6 == "number") && (!(data6 % 1) && !isNaN(data6))) && (isFinite(data6)))){
validate12.errors = [{instancePath:instancePath+"/dims/" + i0+"/from/axis",schemaPath:"#/definitions/count/type",keyword:"type",params:{type: "integer"},message:"must be integer"}];
return false;
}
if(errors === _errs13){
if((typeof data6 == "number") && (isFinite(data6))){
if(data6 < 0 || isNaN(data6)){
validate12.errors = [{instancePath:instancePath+"/dims/" + i0+"/from/axis",schemaPath:"#/definitions/count/minimum",keyword:"minimum",params:{comparison: ">=", limit: 0},message:"must be >= 0"}];
return false;
}
}
}
var valid3 = _errs12 === errors;
}
else {
var valid3 = true;
}
}
}
}
}
else {
validate12.errors = [{instancePath:instancePath+"/dims/" + i0+"/from",schemaPath:"#/properties/dims/items/properties/from/type",keyword:"type",params:{type: "object"},message:"must be object"}];
return false;
}
}
var valid2 = _errs7 === errors;
}
else {
var valid2 = true;
}
}
}
}
else {
validate12.errors = [{instancePath:instancePath+"/dims/" + i0,schemaPath:"#/properties/dims/items/type",keyword:"type",params:{type: "object"},message:"must be object"}];
return false;
}
}
var valid1 = _errs3 === errors;
if(!valid1){
break;
}
}
}
else {
validate12.errors = [{instancePath:instancePath+"/dims",schemaPath:"#/properties/dims/type",keyword:"type",params:{type: "array"},message:"must be array"}];
return false;
}
}
var valid0 = _errs1 === errors;
}
else {
var valid0 = true;
}
if(valid0){
if(data.nodes !== undefined){
let data7 = data.nodes;
const _errs15 = errors;
if(errors === _errs15){
if(Array.isArray(data7)){
var valid5 = true;
const len1 = data7.length;
for(let i1=0; i1<len1; i1++){
let data8 = data7[i1];
const _errs17 = errors;
if(errors === _errs17){
if(data8 && typeof data8 == "object" && !Array.isArray(data8)){
let missing3;
if(((((data8.id === undefined) && (missing3 = "id")) || ((data8.op === undefined) && (missing3 = "op"))) || ((data8.inputs === undefined) && (missing3 = "inputs"))) || ((data8.type === undefined) && (missing3 = "type"))){
validate12.errors = [{instancePath:instancePath+"/nodes/" + i1,schemaPath:"#/properties/nodes/items/required",keyword:"required",params:{missingProperty: missing3},message:"must have required property '"+missing3+"'"}];
return false;
}
else {
if(data8.id !== undefined){
let data9 = data8.id;
const _errs19 = errors;
const _errs20 = errors;
if(!(((typeof data9 == "number") && (!(data9 % 1) && !isNaN(data9))) && (isFinite(data9)))){
validate12.errors = [{instancePath:instancePath+"/nodes/" + i1+"/id",schemaPath:"#/definitions/count/type",keyword:"type",params:{type: "integer"},message:"must be integer"}];
return false;
}
if(errors === _errs20){
if((typeof data9 == "number") && (isFinite(data9))){
if(data9 < 0 || isNaN(data9)){
validate12.errors = [{instancePath:instancePath+"/nodes/" + i1+"/id",schemaPath:"#/definitions/count/minimum",keyword:"minimum",params:{comparison: ">=", limit: 0},message:"must be >= 0"}];
return false;
}
}
}
var valid6 = _errs19 === errors;
}
else {
var valid6 = true;
}
if(valid6){
if(data8.op !== undefined){
const _errs22 = errors;
if(typeof data8.op !== "string"){
validate12.errors = [{instancePath:instancePath+"/nodes/" + i1+"/op",schemaPath:"#/properties/nodes/items/properties/op/type",keyword:"type",params:{type: "string"},message:"must be string"}];
return false;
}
var valid6 = _errs22 === errors;
}
else {
var valid6 = true;
}
if(valid6){
if(data8.inputs !== undefined){
const _errs24 = errors;
if(!(validate13(data8.inputs, {instancePath:instancePath+"/nodes/" + i1+"/inputs",parentData:data8,parentDataProperty:"inputs",rootData}))){
vErrors = vErrors === null ? validate13.errors : vErrors.concat(validate13.errors);
errors = vErrors.length;
}
var valid6 = _errs24 === errors;
}
else {
var valid6 = true;
}
if(valid6){
if(data8.type !== undefined){
let data12 = data8.type;
const _errs25 = errors;
if(errors === _errs25){
if(data12 && typeof data12 == "object" && !Array.isArray(data12)){
let missing4;
if(((data12.dtype === undefined) && (missing4 = "dtype")) || ((data12.shape === undefined) && (missing4 = "shape"))){
validate12.errors = [{instancePath:instancePath+"/nodes/" + i1+"/type",schemaPath:"#/properties/nodes/items/properties/type/required",keyword:"required",params:{missingProperty: missing4},message:"must have required property '"+missing4+"'"}];
return false;
}
else {
if(data12.dtype !== undefined){
let data13 = data12.dtype;
const _errs27 = errors;
if(!(((((data13 === "f32") || (data13 === "f16")) || (data13 === "bf16")) || (data13 === "i32")) || (data13 === "bool"))){
validate12.errors = [{instancePath:instancePath+"/nodes/" + i1+"/type/dtype",schemaPath:"#/definitions/dtype/enum",keyword:"enum",params:{allowedValues: schema18.enum},message:"must be equal to one of the allowed values"}];
return false;
}
var valid8 = _errs27 === errors;
}
else {
var valid8 = true;
}
if(valid8){
if(data12.shape !== undefined){
const _errs29 = errors;
if(!(validate15(data12.shape, {instancePath:instancePath+"/nodes/" + i1+"/type/shape",parentData:data12,parentDataProperty:"shape",rootData}))){
vErrors = vErrors === null ? validate15.errors : vErrors.concat(validate15.errors);
errors = vErrors.length;
}
var valid8 = _errs29 === errors;
}
else {
var valid8 = true;
}
}
}
}
else {
validate12.errors = [{instancePath:instancePath+"/nodes/" + i1+"/type",schemaPath:"#/properties/nodes/items/properties/type/type",keyword:"type",params:{type: "object"},message:"must be object"}];
return false;
}
}
var valid6 = _errs25 === errors;
}
else {
var valid6 = true;
}
}
}
}
}
}
else {
validate12.errors = [{instancePath:instancePath+"/nodes/" + i1,schemaPath:"#/properties/nodes/items/type",keyword:"type",params:{type: "object"},message:"must be object"}];
return false;
}
}
var valid5 = _errs17 === errors;
if(!valid5){
break;
}
}
}
else {
validate12.errors = [{instancePath:instancePath+"/nodes",schemaPath:"#/properties/nodes/type",keyword:"type",params:{type: "array"},message:"must be array"}];
return false;
}
}
var valid0 = _errs15 === errors;
}
else {
var valid0 = true;
}
if(valid0){
if(data.outputs !== undefined){
let data15 = data.outputs;
const _errs30 = errors;
if(errors === _errs30){
if(Array.isArray(data15)){
var valid10 = true;
const len2 = data15.length;
for(let i2=0; i2<len2; i2++){
let data16 = data15[i2];
const _errs32 = errors;
if(errors === _errs32){
if(data16 && typeof data16 == "object" && !Array.isArray(data16)){
let missing5;
if(((data16.name === undefined) && (missing5 = "name")) || ((data16.node === undefined) && (missing5 = "node"))){
validate12.errors = [{instancePath:instancePath+"/outputs/" + i2,schemaPath:"#/properties/outputs/items/required",keyword:"required",params:{missingProperty: missing5},message:"must have required property '"+missing5+"'"}];
return false;
}
else {
if(data16.name !== undefined){
const _errs34 = errors;
if(typeof data16.name !== "string"){
validate12.errors = [{instancePath:instancePath+"/outputs/" + i2+"/name",schemaPath:"#/properties/outputs/items/properties/name/type",keyword:"type",params:{type: "string"},message:"must be string"}];
return false;
}
var valid11 = _errs34 === errors;
}
else {
var valid11 = true;
}
if(valid11){
if(data16.node !== undefined){
let data18 = data16.node;
const _errs36 = errors;
const _errs37 = errors;
if(!(((typeof data18 == "number") && (!(data18 % 1) && !isNaN(data18))) && (isFinite(data18)))){
validate12.errors = [{instancePath:instancePath+"/outputs/" + i2+"/node",schemaPath:"#/definitions/count/type",keyword:"type",params:{type: "integer"},message:"must be integer"}];
return false;
}
if(errors === _errs37){
if((typeof data18 == "number") && (isFinite(data18))){
if(data18 < 0 || isNaN(data18)){
validate12.errors = [{instancePath:instancePath+"/outputs/" + i2+"/node",schemaPath:"#/definitions/count/minimum",keyword:"minimum",params:{comparison: ">=", limit: 0},message:"must be >= 0"}];
return false;
}
}
}
var valid11 = _errs36 === errors;
}
else {
var valid11 = true;
}
}
}
}
else {
validate12.errors = [{instancePath:instancePath+"/outputs/" + i2,schemaPath:"#/properties/outputs/items/type",keyword:"type",params:{type: "object"},message:"must be object"}];
return false;
}
}
var valid10 = _errs32 === errors;
if(!valid10){
break;
}
}
}
else {
validate12.errors = [{instancePath:instancePath+"/outputs",schemaPath:"#/properties/outputs/type",keyword:"type",params:{type: "array"},message:"must be array"}];
return false;
}
}
var valid0 = _errs30 === errors;
}
else {
var valid0 = true;
}
if(valid0){
if(data.assertions !== undefined){
let data19 = data.assertions;
const _errs39 = errors;
if(errors === _errs39){
if(Array.isArray(data19)){
var valid13 = true;
const len3 = data19.length;
for(let i3=0; i3<len3; i3++){
let data20 = data19[i3];
const _errs41 = errors;
if(errors === _errs41){
if(data20 && typeof data20 == "object" && !Array.isArray(data20)){
let missing6;
if(((((data20.relation === undefined) && (missing6 = "relation")) || ((data20.left === undefined) && (missing6 = "left"))) || ((data20.right === undefined) && (missing6 = "right"))) || ((data20.what === undefined) && (missing6 = "what"))){
validate12.errors = [{instancePath:instancePath+"/assertions/" + i3,schemaPath:"#/properties/assertions/items/required",keyword:"required",params:{missingProperty: missing6},message:"must have required property '"+missing6+"'"}];
return false;
}
else {
if(data20.relation !== undefined){
let data21 = data20.relation;
const _errs43 = errors;
if(!((data21 === "equal") || (data21 === "atMost"))){
validate12.errors = [{instancePath:instancePath+"/assertions/" + i3+"/relation",schemaPath:"#/properties/assertions/items/properties/relation/enum",keyword:"enum",params:{allowedValues: schema13.properties.assertions.items.properties.relation.enum},message:"must be equal to one of the allowed values"}];
return false;
}
var valid14 = _errs43 === errors;
}
else {
var valid14 = true;
}
if(valid14){
if(data20.left !== undefined){
const _errs44 = errors;
if(!(validate16(data20.left, {instancePath:instancePath+"/assertions/" + i3+"/left",parentData:data20,parentDataProperty:"left",rootData}))){
vErrors = vErrors === null ? validate16.errors : vErrors.concat(validate16.errors);
errors = vErrors.length;
}
var valid14 = _errs44 === errors;
}
else {
var valid14 = true;
}
if(valid14){
if(data20.right !== undefined){
const _errs45 = errors;
if(!(validate16(data20.right, {instancePath:instancePath+"/assertions/" + i3+"/right",parentData:data20,parentDataProperty:"right",rootData}))){
vErrors = vErrors === null ? validate16.errors : vErrors.concat(validate16.errors);
errors = vErrors.length;
}
var valid14 = _errs45 === errors;
}
else {
var valid14 = true;
}
if(valid14){
if(data20.what !== undefined){
const _errs46 = errors;
if(typeof data20.what !== "string"){
validate12.errors = [{instancePath:instancePath+"/assertions/" + i3+"/what",schemaPath:"#/properties/assertions/items/properties/what/type",keyword:"type",params:{type: "string"},message:"must be string"}];
return false;
}
var valid14 = _errs46 === errors;
}
else {
var valid14 = true;
}
if(valid14){
if(data20.code !== undefined){
const _errs48 = errors;
if(typeof data20.code !== "string"){
validate12.errors = [{instancePath:instancePath+"/assertions/" + i3+"/code",schemaPath:"#/properties/assertions/items/properties/code/type",keyword:"type",params:{type: "string"},message:"must be string"}];
return false;
}
var valid14 = _errs48 === errors;
}
else {
var valid14 = true;
}
}
}
}
}
}
}
else {
validate12.errors = [{instancePath:instancePath+"/assertions/" + i3,schemaPath:"#/properties/assertions/items/type",keyword:"type",params:{type: "object"},message:"must be object"}];
return false;
}
}
var valid13 = _errs41 === errors;
if(!valid13){
break;
}
}
}
else {
validate12.errors = [{instancePath:instancePath+"/assertions",schemaPath:"#/properties/assertions/type",keyword:"type",params:{type: "array"},message:"must be array"}];
return false;
}
}
var valid0 = _errs39 === errors;
}
else {
var valid0 = true;
}
}
}
}
}
}
else {
validate12.errors = [{instancePath,schemaPath:"#/type",keyword:"type",params:{type: "object"},message:"must be object"}];
return false;
}
}
validate12.errors = vErrors;
return errors === 0;
}

const schema37 = {"type":"object","required":["kernels","buffers","steps","dims"],"properties":{"kernels":{"type":"array","items":{"type":"object","required":["name","code","bindings"],"properties":{"name":{"type":"string"},"code":{"type":"string"},"bindings":{"type":"array","items":{"type":"object","required":["access"],"properties":{"access":{"enum":["read","read_write"]}}}},"requires":{"type":"array","items":{"type":"string"}},"scratch":{"$ref":"#/definitions/count"}}}},"buffers":{"type":"array","items":{"type":"object","required":["kind"],"properties":{"kind":{"enum":["weight","slot","input","output","state"]},"parts":{"$ref":"#/definitions/counts"},"sizes":{"$ref":"#/definitions/shape"},"name":{"type":"string"}}}},"steps":{"type":"array","items":{"type":"object","required":["label","args","variants"],"properties":{"label":{"type":"string"},"args":{"$ref":"#/definitions/counts"},"variants":{"type":"array","items":{"type":"object","required":["kernel","grid"],"properties":{"kernel":{"$ref":"#/definitions/count"},"when":{"type":"object","required":["dim","atMost"],"properties":{"dim":{"$ref":"#/definitions/dim"},"atMost":{"type":"integer"}}},"grid":{"$ref":"#/definitions/shape"}}}}}}},"dims":{"type":"array","items":{"type":"string"}}}};

function validate31(data, {instancePath="", parentData, parentDataProperty, rootData=data}={}){
let vErrors = null;
let errors = 0;
if(errors === 0){
if(data && typeof data == "object" && !Array.isArray(data)){
let missing0;
if(((((data.kernels === undefined) && (missing0 = "kernels")) || ((data.buffers === undefined) && (missing0 = "buffers"))) || ((data.steps === undefined) && (missing0 = "steps"))) || ((data.dims === undefined) && (missing0 = "dims"))){
validate31.errors = [{instancePath,schemaPath:"#/required",keyword:"required",params:{missingProperty: missing0},message:"must have required property '"+missing0+"'"}];
return false;
}
else {
if(data.kernels !== undefined){
let data0 = data.kernels;
const _errs1 = errors;
if(errors === _errs1){
if(Array.isArray(data0)){
var valid1 = true;
const len0 = data0.length;
for(let i0=0; i0<len0; i0++){
let data1 = data0[i0];
const _errs3 = errors;
if(errors === _errs3){
if(data1 && typeof data1 == "object" && !Array.isArray(data1)){
let missing1;
if((((data1.name === undefined) && (missing1 = "name")) || ((data1.code === undefined) && (missing1 = "code"))) || ((data1.bindings === undefined) && (missing1 = "bindings"))){
validate31.errors = [{instancePath:instancePath+"/kernels/" + i0,schemaPath:"#/properties/kernels/items/required",keyword:"required",params:{missingProperty: missing1},message:"must have required property '"+missing1+"'"}];
return false;
}
else {
if(data1.name !== undefined){
const _errs5 = errors;
if(typeof data1.name !== "string"){
validate31.errors = [{instancePath:instancePath+"/kernels/" + i0+"/name",schemaPath:"#/properties/kernels/items/properties/name/type",keyword:"type",params:{type: "string"},message:"must be string"}];
return false;
}
var valid2 = _errs5 === errors;
}
else {
var valid2 = true;
}
if(valid2){
if(data1.code !== undefined){
const _errs7 = errors;
if(typeof data1.code !== "string"){
validate31.errors = [{instancePath:instancePath+"/kernels/" + i0+"/code",schemaPath:"#/properties/kernels/items/properties/code/type",keyword:"type",params:{type: "string"},message:"must be string"}];
return false;
}
var valid2 = _errs7 === errors;
}
else {
var valid2 = true;
}
if(valid2){
if(data1.bindings !== undefined){
let data4 = data1.bindings;
const _errs9 = errors;
if(errors === _errs9){
if(Array.isArray(data4)){
var valid3 = true;
const len1 = data4.length;
for(let i1=0; i1<len1; i1++){
let data5 = data4[i1];
const _errs11 = errors;
if(errors === _errs11){
if(data5 && typeof data5 == "object" && !Array.isArray(data5)){
let missing2;
if((data5.access === undefined) && (missing2 = "access")){
validate31.errors = [{instancePath:instancePath+"/kernels/" + i0+"/bindings/" + i1,schemaPath:"#/properties/kernels/items/properties/bindings/items/required",keyword:"required",params:{missingProperty: missing2},message:"must have required property '"+missing2+"'"}];
return false;
}
else {
if(data5.access !== undefined){
let data6 = data5.access;
if(!((data6 === "read") || (data6 === "read_write"))){
validate31.errors = [{instancePath:instancePath+"/kernels/" + i0+"/bindings/" + i1+"/access",schemaPath:"#/properties/kernels/items/properties/bindings/items/properties/access/enum",keyword:"enum",params:{allowedValues: schema37.properties.kernels.items.properties.bindings.items.properties.access.enum},message:"must be equal to one of the allowed values"}];
return false;
}
}
}
}
else {
validate31.errors = [{instancePath:instancePath+"/kernels/" + i0+"/bindings/" + i1,schemaPath:"#/properties/kernels/items/properties/bindings/items/type",keyword:"type",params:{type: "object"},message:"must be object"}];
return false;
}
}
var valid3 = _errs11 === errors;
if(!valid3){
break;
}
}
}
else {
validate31.errors = [{instancePath:instancePath+"/kernels/" + i0+"/bindings",schemaPath:"#/properties/kernels/items/properties/bindings/type",keyword:"type",params:{type: "array"},message:"must be array"}];
return false;
}
}
var valid2 = _errs9 === errors;
}
else {
var valid2 = true;
}
if(valid2){
if(data1.requires !== undefined){
let data7 = data1.requires;
const _errs14 = errors;
if(errors === _errs14){
if(Array.isArray(data7)){
var valid5 = true;
const len2 = data7.length;
for(let i2=0; i2<len2; i2++){
const _errs16 = errors;
if(typeof data7[i2] !== "string"){
validate31.errors = [{instancePath:instancePath+"/kernels/" + i0+"/requires/" + i2,schemaPath:"#/properties/kernels/items/properties/requires/items/type",keyword:"type",params:{type: "string"},message:"must be string"}];
return false;
}
var valid5 = _errs16 === errors;
if(!valid5){
break;
}
}
}
else {
validate31.errors = [{instancePath:instancePath+"/kernels/" + i0+"/requires",schemaPath:"#/properties/kernels/items/properties/requires/type",keyword:"type",params:{type: "array"},message:"must be array"}];
return false;
}
}
var valid2 = _errs14 === errors;
}
else {
var valid2 = true;
}
if(valid2){
if(data1.scratch !== undefined){
let data9 = data1.scratch;
const _errs18 = errors;
const _errs19 = errors;
if(!(((typeof data9 == "number") && (!(data9 % 1) && !isNaN(data9))) && (isFinite(data9)))){
validate31.errors = [{instancePath:instancePath+"/kernels/" + i0+"/scratch",schemaPath:"#/definitions/count/type",keyword:"type",params:{type: "integer"},message:"must be integer"}];
return false;
}
if(errors === _errs19){
if((typeof data9 == "number") && (isFinite(data9))){
if(data9 < 0 || isNaN(data9)){
validate31.errors = [{instancePath:instancePath+"/kernels/" + i0+"/scratch",schemaPath:"#/definitions/count/minimum",keyword:"minimum",params:{comparison: ">=", limit: 0},message:"must be >= 0"}];
return false;
}
}
}
var valid2 = _errs18 === errors;
}
else {
var valid2 = true;
}
}
}
}
}
}
}
else {
validate31.errors = [{instancePath:instancePath+"/kernels/" + i0,schemaPath:"#/properties/kernels/items/type",keyword:"type",params:{type: "object"},message:"must be object"}];
return false;
}
}
var valid1 = _errs3 === errors;
if(!valid1){
break;
}
}
}
else {
validate31.errors = [{instancePath:instancePath+"/kernels",schemaPath:"#/properties/kernels/type",keyword:"type",params:{type: "array"},message:"must be array"}];
return false;
}
}
var valid0 = _errs1 === errors;
}
else {
var valid0 = true;
}
if(valid0){
if(data.buffers !== undefined){
let data10 = data.buffers;
const _errs21 = errors;
if(errors === _errs21){
if(Array.isArray(data10)){
var valid7 = true;
const len3 = data10.length;
for(let i3=0; i3<len3; i3++){
let data11 = data10[i3];
const _errs23 = errors;
if(errors === _errs23){
if(data11 && typeof data11 == "object" && !Array.isArray(data11)){
let missing3;
if((data11.kind === undefined) && (missing3 = "kind")){
validate31.errors = [{instancePath:instancePath+"/buffers/" + i3,schemaPath:"#/properties/buffers/items/required",keyword:"required",params:{missingProperty: missing3},message:"must have required property '"+missing3+"'"}];
return false;
}
else {
if(data11.kind !== undefined){
let data12 = data11.kind;
const _errs25 = errors;
if(!(((((data12 === "weight") || (data12 === "slot")) || (data12 === "input")) || (data12 === "output")) || (data12 === "state"))){
validate31.errors = [{instancePath:instancePath+"/buffers/" + i3+"/kind",schemaPath:"#/properties/buffers/items/properties/kind/enum",keyword:"enum",params:{allowedValues: schema37.properties.buffers.items.properties.kind.enum},message:"must be equal to one of the allowed values"}];
return false;
}
var valid8 = _errs25 === errors;
}
else {
var valid8 = true;
}
if(valid8){
if(data11.parts !== undefined){
const _errs26 = errors;
if(!(validate13(data11.parts, {instancePath:instancePath+"/buffers/" + i3+"/parts",parentData:data11,parentDataProperty:"parts",rootData}))){
vErrors = vErrors === null ? validate13.errors : vErrors.concat(validate13.errors);
errors = vErrors.length;
}
var valid8 = _errs26 === errors;
}
else {
var valid8 = true;
}
if(valid8){
if(data11.sizes !== undefined){
const _errs27 = errors;
if(!(validate15(data11.sizes, {instancePath:instancePath+"/buffers/" + i3+"/sizes",parentData:data11,parentDataProperty:"sizes",rootData}))){
vErrors = vErrors === null ? validate15.errors : vErrors.concat(validate15.errors);
errors = vErrors.length;
}
var valid8 = _errs27 === errors;
}
else {
var valid8 = true;
}
if(valid8){
if(data11.name !== undefined){
const _errs28 = errors;
if(typeof data11.name !== "string"){
validate31.errors = [{instancePath:instancePath+"/buffers/" + i3+"/name",schemaPath:"#/properties/buffers/items/properties/name/type",keyword:"type",params:{type: "string"},message:"must be string"}];
return false;
}
var valid8 = _errs28 === errors;
}
else {
var valid8 = true;
}
}
}
}
}
}
else {
validate31.errors = [{instancePath:instancePath+"/buffers/" + i3,schemaPath:"#/properties/buffers/items/type",keyword:"type",params:{type: "object"},message:"must be object"}];
return false;
}
}
var valid7 = _errs23 === errors;
if(!valid7){
break;
}
}
}
else {
validate31.errors = [{instancePath:instancePath+"/buffers",schemaPath:"#/properties/buffers/type",keyword:"type",params:{type: "array"},message:"must be array"}];
return false;
}
}
var valid0 = _errs21 === errors;
}
else {
var valid0 = true;
}
if(valid0){
if(data.steps !== undefined){
let data16 = data.steps;
const _errs30 = errors;
if(errors === _errs30){
if(Array.isArray(data16)){
var valid9 = true;
const len4 = data16.length;
for(let i4=0; i4<len4; i4++){
let data17 = data16[i4];
const _errs32 = errors;
if(errors === _errs32){
if(data17 && typeof data17 == "object" && !Array.isArray(data17)){
let missing4;
if((((data17.label === undefined) && (missing4 = "label")) || ((data17.args === undefined) && (missing4 = "args"))) || ((data17.variants === undefined) && (missing4 = "variants"))){
validate31.errors = [{instancePath:instancePath+"/steps/" + i4,schemaPath:"#/properties/steps/items/required",keyword:"required",params:{missingProperty: missing4},message:"must have required property '"+missing4+"'"}];
return false;
}
else {
if(data17.label !== undefined){
const _errs34 = errors;
if(typeof data17.label !== "string"){
validate31.errors = [{instancePath:instancePath+"/steps/" + i4+"/label",schemaPath:"#/properties/steps/items/properties/label/type",keyword:"type",params:{type: "string"},message:"must be string"}];
return false;
}
var valid10 = _errs34 === errors;
}
else {
var valid10 = true;
}
if(valid10){
if(data17.args !== undefined){
const _errs36 = errors;
if(!(validate13(data17.args, {instancePath:instancePath+"/steps/" + i4+"/args",parentData:data17,parentDataProperty:"args",rootData}))){
vErrors = vErrors === null ? validate13.errors : vErrors.concat(validate13.errors);
errors = vErrors.length;
}
var valid10 = _errs36 === errors;
}
else {
var valid10 = true;
}
if(valid10){
if(data17.variants !== undefined){
let data20 = data17.variants;
const _errs37 = errors;
if(errors === _errs37){
if(Array.isArray(data20)){
var valid11 = true;
const len5 = data20.length;
for(let i5=0; i5<len5; i5++){
let data21 = data20[i5];
const _errs39 = errors;
if(errors === _errs39){
if(data21 && typeof data21 == "object" && !Array.isArray(data21)){
let missing5;
if(((data21.kernel === undefined) && (missing5 = "kernel")) || ((data21.grid === undefined) && (missing5 = "grid"))){
validate31.errors = [{instancePath:instancePath+"/steps/" + i4+"/variants/" + i5,schemaPath:"#/properties/steps/items/properties/variants/items/required",keyword:"required",params:{missingProperty: missing5},message:"must have required property '"+missing5+"'"}];
return false;
}
else {
if(data21.kernel !== undefined){
let data22 = data21.kernel;
const _errs41 = errors;
const _errs42 = errors;
if(!(((typeof data22 == "number") && (!(data22 % 1) && !isNaN(data22))) && (isFinite(data22)))){
validate31.errors = [{instancePath:instancePath+"/steps/" + i4+"/variants/" + i5+"/kernel",schemaPath:"#/definitions/count/type",keyword:"type",params:{type: "integer"},message:"must be integer"}];
return false;
}
if(errors === _errs42){
if((typeof data22 == "number") && (isFinite(data22))){
if(data22 < 0 || isNaN(data22)){
validate31.errors = [{instancePath:instancePath+"/steps/" + i4+"/variants/" + i5+"/kernel",schemaPath:"#/definitions/count/minimum",keyword:"minimum",params:{comparison: ">=", limit: 0},message:"must be >= 0"}];
return false;
}
}
}
var valid12 = _errs41 === errors;
}
else {
var valid12 = true;
}
if(valid12){
if(data21.when !== undefined){
let data23 = data21.when;
const _errs44 = errors;
if(errors === _errs44){
if(data23 && typeof data23 == "object" && !Array.isArray(data23)){
let missing6;
if(((data23.dim === undefined) && (missing6 = "dim")) || ((data23.atMost === undefined) && (missing6 = "atMost"))){
validate31.errors = [{instancePath:instancePath+"/steps/" + i4+"/variants/" + i5+"/when",schemaPath:"#/properties/steps/items/properties/variants/items/properties/when/required",keyword:"required",params:{missingProperty: missing6},message:"must have required property '"+missing6+"'"}];
return false;
}
else {
if(data23.dim !== undefined){
const _errs46 = errors;
if(!(validate16(data23.dim, {instancePath:instancePath+"/steps/" + i4+"/variants/" + i5+"/when/dim",parentData:data23,parentDataProperty:"dim",rootData}))){
vErrors = vErrors === null ? validate16.errors : vErrors.concat(validate16.errors);
errors = vErrors.length;
}
var valid14 = _errs46 === errors;
}
else {
var valid14 = true;
}
if(valid14){
if(data23.atMost !== undefined){
let data25 = data23.atMost;
const _errs47 = errors;
if(!(((typeof data25 == "number") && (!(data25 % 1) && !isNaN(data25))) && (isFinite(data25)))){
validate31.errors = [{instancePath:instancePath+"/steps/" + i4+"/variants/" + i5+"/when/atMost",schemaPath:"#/properties/steps/items/properties/variants/items/properties/when/properties/atMost/type",keyword:"type",params:{type: "integer"},message:"must be integer"}];
return false;
}
var valid14 = _errs47 === errors;
}
else {
var valid14 = true;
}
}
}
}
else {
validate31.errors = [{instancePath:instancePath+"/steps/" + i4+"/variants/" + i5+"/when",schemaPath:"#/properties/steps/items/properties/variants/items/properties/when/type",keyword:"type",params:{type: "object"},message:"must be object"}];
return false;
}
}
var valid12 = _errs44 === errors;
}
else {
var valid12 = true;
}
if(valid12){
if(data21.grid !== undefined){
const _errs49 = errors;
if(!(validate15(data21.grid, {instancePath:instancePath+"/steps/" + i4+"/variants/" + i5+"/grid",parentData:data21,parentDataProperty:"grid",rootData}))){
vErrors = vErrors === null ? validate15.errors : vErrors.concat(validate15.errors);
errors = vErrors.length;
}
var valid12 = _errs49 === errors;
}
else {
var valid12 = true;
}
}
}
}
}
else {
validate31.errors = [{instancePath:instancePath+"/steps/" + i4+"/variants/" + i5,schemaPath:"#/properties/steps/items/properties/variants/items/type",keyword:"type",params:{type: "object"},message:"must be object"}];
return false;
}
}
var valid11 = _errs39 === errors;
if(!valid11){
break;
}
}
}
else {
validate31.errors = [{instancePath:instancePath+"/steps/" + i4+"/variants",schemaPath:"#/properties/steps/items/properties/variants/type",keyword:"type",params:{type: "array"},message:"must be array"}];
return false;
}
}
var valid10 = _errs37 === errors;
}
else {
var valid10 = true;
}
}
}
}
}
else {
validate31.errors = [{instancePath:instancePath+"/steps/" + i4,schemaPath:"#/properties/steps/items/type",keyword:"type",params:{type: "object"},message:"must be object"}];
return false;
}
}
var valid9 = _errs32 === errors;
if(!valid9){
break;
}
}
}
else {
validate31.errors = [{instancePath:instancePath+"/steps",schemaPath:"#/properties/steps/type",keyword:"type",params:{type: "array"},message:"must be array"}];
return false;
}
}
var valid0 = _errs30 === errors;
}
else {
var valid0 = true;
}
if(valid0){
if(data.dims !== undefined){
let data27 = data.dims;
const _errs50 = errors;
if(errors === _errs50){
if(Array.isArray(data27)){
var valid15 = true;
const len6 = data27.length;
for(let i6=0; i6<len6; i6++){
const _errs52 = errors;
if(typeof data27[i6] !== "string"){
validate31.errors = [{instancePath:instancePath+"/dims/" + i6,schemaPath:"#/properties/dims/items/type",keyword:"type",params:{type: "string"},message:"must be string"}];
return false;
}
var valid15 = _errs52 === errors;
if(!valid15){
break;
}
}
}
else {
validate31.errors = [{instancePath:instancePath+"/dims",schemaPath:"#/properties/dims/type",keyword:"type",params:{type: "array"},message:"must be array"}];
return false;
}
}
var valid0 = _errs50 === errors;
}
else {
var valid0 = true;
}
}
}
}
}
}
else {
validate31.errors = [{instancePath,schemaPath:"#/type",keyword:"type",params:{type: "object"},message:"must be object"}];
return false;
}
}
validate31.errors = vErrors;
return errors === 0;
}


function validate11(data, {instancePath="", parentData, parentDataProperty, rootData=data}={}){
let vErrors = null;
let errors = 0;
if(errors === 0){
if(data && typeof data == "object" && !Array.isArray(data)){
let missing0;
if(((((((((data.graph === undefined) && (missing0 = "graph")) || ((data.weights === undefined) && (missing0 = "weights"))) || ((data.inputs === undefined) && (missing0 = "inputs"))) || ((data.outputs === undefined) && (missing0 = "outputs"))) || ((data.states === undefined) && (missing0 = "states"))) || ((data.role === undefined) && (missing0 = "role"))) || ((data.generation === undefined) && (missing0 = "generation"))) || ((data.programs === undefined) && (missing0 = "programs"))){
validate11.errors = [{instancePath,schemaPath:"#/required",keyword:"required",params:{missingProperty: missing0},message:"must have required property '"+missing0+"'"}];
return false;
}
else {
if(data.graph !== undefined){
const _errs1 = errors;
if(!(validate12(data.graph, {instancePath:instancePath+"/graph",parentData:data,parentDataProperty:"graph",rootData}))){
vErrors = vErrors === null ? validate12.errors : vErrors.concat(validate12.errors);
errors = vErrors.length;
}
var valid0 = _errs1 === errors;
}
else {
var valid0 = true;
}
if(valid0){
if(data.weights !== undefined){
const _errs2 = errors;
if(!(validate13(data.weights, {instancePath:instancePath+"/weights",parentData:data,parentDataProperty:"weights",rootData}))){
vErrors = vErrors === null ? validate13.errors : vErrors.concat(validate13.errors);
errors = vErrors.length;
}
var valid0 = _errs2 === errors;
}
else {
var valid0 = true;
}
if(valid0){
if(data.inputs !== undefined){
let data2 = data.inputs;
const _errs3 = errors;
if(errors === _errs3){
if(Array.isArray(data2)){
var valid1 = true;
const len0 = data2.length;
for(let i0=0; i0<len0; i0++){
let data3 = data2[i0];
const _errs5 = errors;
if(errors === _errs5){
if(data3 && typeof data3 == "object" && !Array.isArray(data3)){
let missing1;
if((((data3.name === undefined) && (missing1 = "name")) || ((data3.dtype === undefined) && (missing1 = "dtype"))) || ((data3.shape === undefined) && (missing1 = "shape"))){
validate11.errors = [{instancePath:instancePath+"/inputs/" + i0,schemaPath:"#/properties/inputs/items/required",keyword:"required",params:{missingProperty: missing1},message:"must have required property '"+missing1+"'"}];
return false;
}
else {
if(data3.name !== undefined){
const _errs7 = errors;
if(typeof data3.name !== "string"){
validate11.errors = [{instancePath:instancePath+"/inputs/" + i0+"/name",schemaPath:"#/properties/inputs/items/properties/name/type",keyword:"type",params:{type: "string"},message:"must be string"}];
return false;
}
var valid2 = _errs7 === errors;
}
else {
var valid2 = true;
}
if(valid2){
if(data3.dtype !== undefined){
let data5 = data3.dtype;
const _errs9 = errors;
if(!(((((data5 === "f32") || (data5 === "f16")) || (data5 === "bf16")) || (data5 === "i32")) || (data5 === "bool"))){
validate11.errors = [{instancePath:instancePath+"/inputs/" + i0+"/dtype",schemaPath:"#/definitions/dtype/enum",keyword:"enum",params:{allowedValues: schema18.enum},message:"must be equal to one of the allowed values"}];
return false;
}
var valid2 = _errs9 === errors;
}
else {
var valid2 = true;
}
if(valid2){
if(data3.shape !== undefined){
const _errs11 = errors;
if(!(validate15(data3.shape, {instancePath:instancePath+"/inputs/" + i0+"/shape",parentData:data3,parentDataProperty:"shape",rootData}))){
vErrors = vErrors === null ? validate15.errors : vErrors.concat(validate15.errors);
errors = vErrors.length;
}
var valid2 = _errs11 === errors;
}
else {
var valid2 = true;
}
if(valid2){
if(data3.default !== undefined){
let data7 = data3.default;
const _errs12 = errors;
if(!((((data7 === "arange") || (data7 === "ones")) || (data7 === "zeros")) || (data7 === "absent"))){
validate11.errors = [{instancePath:instancePath+"/inputs/" + i0+"/default",schemaPath:"#/properties/inputs/items/properties/default/enum",keyword:"enum",params:{allowedValues: schema12.properties.inputs.items.properties.default.enum},message:"must be equal to one of the allowed values"}];
return false;
}
var valid2 = _errs12 === errors;
}
else {
var valid2 = true;
}
if(valid2){
if(data3.adds !== undefined){
let data8 = data3.adds;
const _errs13 = errors;
if(errors === _errs13){
if(data8 && typeof data8 == "object" && !Array.isArray(data8)){
let missing2;
if(((data8.rows === undefined) && (missing2 = "rows")) || ((data8.dim === undefined) && (missing2 = "dim"))){
validate11.errors = [{instancePath:instancePath+"/inputs/" + i0+"/adds",schemaPath:"#/properties/inputs/items/properties/adds/required",keyword:"required",params:{missingProperty: missing2},message:"must have required property '"+missing2+"'"}];
return false;
}
else {
const _errs15 = errors;
for(const key0 in data8){
if(!((key0 === "rows") || (key0 === "dim"))){
validate11.errors = [{instancePath:instancePath+"/inputs/" + i0+"/adds",schemaPath:"#/properties/inputs/items/properties/adds/additionalProperties",keyword:"additionalProperties",params:{additionalProperty: key0},message:"must NOT have additional properties"}];
return false;
break;
}
}
if(_errs15 === errors){
if(data8.rows !== undefined){
let data9 = data8.rows;
const _errs16 = errors;
if(!(((typeof data9 == "number") && (!(data9 % 1) && !isNaN(data9))) && (isFinite(data9)))){
validate11.errors = [{instancePath:instancePath+"/inputs/" + i0+"/adds/rows",schemaPath:"#/properties/inputs/items/properties/adds/properties/rows/type",keyword:"type",params:{type: "integer"},message:"must be integer"}];
return false;
}
if(errors === _errs16){
if((typeof data9 == "number") && (isFinite(data9))){
if(data9 < 1 || isNaN(data9)){
validate11.errors = [{instancePath:instancePath+"/inputs/" + i0+"/adds/rows",schemaPath:"#/properties/inputs/items/properties/adds/properties/rows/minimum",keyword:"minimum",params:{comparison: ">=", limit: 1},message:"must be >= 1"}];
return false;
}
}
}
var valid4 = _errs16 === errors;
}
else {
var valid4 = true;
}
if(valid4){
if(data8.dim !== undefined){
const _errs18 = errors;
if(typeof data8.dim !== "string"){
validate11.errors = [{instancePath:instancePath+"/inputs/" + i0+"/adds/dim",schemaPath:"#/properties/inputs/items/properties/adds/properties/dim/type",keyword:"type",params:{type: "string"},message:"must be string"}];
return false;
}
var valid4 = _errs18 === errors;
}
else {
var valid4 = true;
}
}
}
}
}
else {
validate11.errors = [{instancePath:instancePath+"/inputs/" + i0+"/adds",schemaPath:"#/properties/inputs/items/properties/adds/type",keyword:"type",params:{type: "object"},message:"must be object"}];
return false;
}
}
var valid2 = _errs13 === errors;
}
else {
var valid2 = true;
}
if(valid2){
if(data3.domain !== undefined){
let data11 = data3.domain;
const _errs20 = errors;
if(errors === _errs20){
if(data11 && typeof data11 == "object" && !Array.isArray(data11)){
let missing3;
if((data11.kind === undefined) && (missing3 = "kind")){
validate11.errors = [{instancePath:instancePath+"/inputs/" + i0+"/domain",schemaPath:"#/properties/inputs/items/properties/domain/required",keyword:"required",params:{missingProperty: missing3},message:"must have required property '"+missing3+"'"}];
return false;
}
else {
if(data11.kind !== undefined){
let data12 = data11.kind;
const _errs22 = errors;
if(!((((data12 === "range") || (data12 === "simplex")) || (data12 === "bool")) || (data12 === "text"))){
validate11.errors = [{instancePath:instancePath+"/inputs/" + i0+"/domain/kind",schemaPath:"#/properties/inputs/items/properties/domain/properties/kind/enum",keyword:"enum",params:{allowedValues: schema12.properties.inputs.items.properties.domain.properties.kind.enum},message:"must be equal to one of the allowed values"}];
return false;
}
var valid5 = _errs22 === errors;
}
else {
var valid5 = true;
}
if(valid5){
if(data11.from !== undefined){
let data13 = data11.from;
const _errs23 = errors;
if(!((typeof data13 == "number") && (isFinite(data13)))){
validate11.errors = [{instancePath:instancePath+"/inputs/" + i0+"/domain/from",schemaPath:"#/properties/inputs/items/properties/domain/properties/from/type",keyword:"type",params:{type: "number"},message:"must be number"}];
return false;
}
var valid5 = _errs23 === errors;
}
else {
var valid5 = true;
}
if(valid5){
if(data11.to !== undefined){
let data14 = data11.to;
const _errs25 = errors;
if(!((typeof data14 == "number") && (isFinite(data14)))){
validate11.errors = [{instancePath:instancePath+"/inputs/" + i0+"/domain/to",schemaPath:"#/properties/inputs/items/properties/domain/properties/to/type",keyword:"type",params:{type: "number"},message:"must be number"}];
return false;
}
var valid5 = _errs25 === errors;
}
else {
var valid5 = true;
}
if(valid5){
if(data11.inclusive !== undefined){
const _errs27 = errors;
if(typeof data11.inclusive !== "boolean"){
validate11.errors = [{instancePath:instancePath+"/inputs/" + i0+"/domain/inclusive",schemaPath:"#/properties/inputs/items/properties/domain/properties/inclusive/type",keyword:"type",params:{type: "boolean"},message:"must be boolean"}];
return false;
}
var valid5 = _errs27 === errors;
}
else {
var valid5 = true;
}
if(valid5){
if(data11.whole !== undefined){
const _errs29 = errors;
if(typeof data11.whole !== "boolean"){
validate11.errors = [{instancePath:instancePath+"/inputs/" + i0+"/domain/whole",schemaPath:"#/properties/inputs/items/properties/domain/properties/whole/type",keyword:"type",params:{type: "boolean"},message:"must be boolean"}];
return false;
}
var valid5 = _errs29 === errors;
}
else {
var valid5 = true;
}
if(valid5){
if(data11.expected !== undefined){
const _errs31 = errors;
if(typeof data11.expected !== "string"){
validate11.errors = [{instancePath:instancePath+"/inputs/" + i0+"/domain/expected",schemaPath:"#/properties/inputs/items/properties/domain/properties/expected/type",keyword:"type",params:{type: "string"},message:"must be string"}];
return false;
}
var valid5 = _errs31 === errors;
}
else {
var valid5 = true;
}
if(valid5){
if(data11.values !== undefined){
let data18 = data11.values;
const _errs33 = errors;
if(errors === _errs33){
if(Array.isArray(data18)){
var valid6 = true;
const len1 = data18.length;
for(let i1=0; i1<len1; i1++){
const _errs35 = errors;
if(typeof data18[i1] !== "string"){
validate11.errors = [{instancePath:instancePath+"/inputs/" + i0+"/domain/values/" + i1,schemaPath:"#/properties/inputs/items/properties/domain/properties/values/items/type",keyword:"type",params:{type: "string"},message:"must be string"}];
return false;
}
var valid6 = _errs35 === errors;
if(!valid6){
break;
}
}
}
else {
validate11.errors = [{instancePath:instancePath+"/inputs/" + i0+"/domain/values",schemaPath:"#/properties/inputs/items/properties/domain/properties/values/type",keyword:"type",params:{type: "array"},message:"must be array"}];
return false;
}
}
var valid5 = _errs33 === errors;
}
else {
var valid5 = true;
}
if(valid5){
if(data11.closed !== undefined){
const _errs37 = errors;
if(typeof data11.closed !== "boolean"){
validate11.errors = [{instancePath:instancePath+"/inputs/" + i0+"/domain/closed",schemaPath:"#/properties/inputs/items/properties/domain/properties/closed/type",keyword:"type",params:{type: "boolean"},message:"must be boolean"}];
return false;
}
var valid5 = _errs37 === errors;
}
else {
var valid5 = true;
}
}
}
}
}
}
}
}
}
}
else {
validate11.errors = [{instancePath:instancePath+"/inputs/" + i0+"/domain",schemaPath:"#/properties/inputs/items/properties/domain/type",keyword:"type",params:{type: "object"},message:"must be object"}];
return false;
}
}
var valid2 = _errs20 === errors;
}
else {
var valid2 = true;
}
}
}
}
}
}
}
}
else {
validate11.errors = [{instancePath:instancePath+"/inputs/" + i0,schemaPath:"#/properties/inputs/items/type",keyword:"type",params:{type: "object"},message:"must be object"}];
return false;
}
}
var valid1 = _errs5 === errors;
if(!valid1){
break;
}
}
}
else {
validate11.errors = [{instancePath:instancePath+"/inputs",schemaPath:"#/properties/inputs/type",keyword:"type",params:{type: "array"},message:"must be array"}];
return false;
}
}
var valid0 = _errs3 === errors;
}
else {
var valid0 = true;
}
if(valid0){
if(data.outputs !== undefined){
let data21 = data.outputs;
const _errs39 = errors;
if(errors === _errs39){
if(Array.isArray(data21)){
var valid7 = true;
const len2 = data21.length;
for(let i2=0; i2<len2; i2++){
let data22 = data21[i2];
const _errs41 = errors;
if(errors === _errs41){
if(data22 && typeof data22 == "object" && !Array.isArray(data22)){
let missing4;
if(((((data22.name === undefined) && (missing4 = "name")) || ((data22.node === undefined) && (missing4 = "node"))) || ((data22.dtype === undefined) && (missing4 = "dtype"))) || ((data22.shape === undefined) && (missing4 = "shape"))){
validate11.errors = [{instancePath:instancePath+"/outputs/" + i2,schemaPath:"#/properties/outputs/items/required",keyword:"required",params:{missingProperty: missing4},message:"must have required property '"+missing4+"'"}];
return false;
}
else {
if(data22.name !== undefined){
const _errs43 = errors;
if(typeof data22.name !== "string"){
validate11.errors = [{instancePath:instancePath+"/outputs/" + i2+"/name",schemaPath:"#/properties/outputs/items/properties/name/type",keyword:"type",params:{type: "string"},message:"must be string"}];
return false;
}
var valid8 = _errs43 === errors;
}
else {
var valid8 = true;
}
if(valid8){
if(data22.node !== undefined){
let data24 = data22.node;
const _errs45 = errors;
const _errs46 = errors;
if(!(((typeof data24 == "number") && (!(data24 % 1) && !isNaN(data24))) && (isFinite(data24)))){
validate11.errors = [{instancePath:instancePath+"/outputs/" + i2+"/node",schemaPath:"#/definitions/count/type",keyword:"type",params:{type: "integer"},message:"must be integer"}];
return false;
}
if(errors === _errs46){
if((typeof data24 == "number") && (isFinite(data24))){
if(data24 < 0 || isNaN(data24)){
validate11.errors = [{instancePath:instancePath+"/outputs/" + i2+"/node",schemaPath:"#/definitions/count/minimum",keyword:"minimum",params:{comparison: ">=", limit: 0},message:"must be >= 0"}];
return false;
}
}
}
var valid8 = _errs45 === errors;
}
else {
var valid8 = true;
}
if(valid8){
if(data22.dtype !== undefined){
let data25 = data22.dtype;
const _errs48 = errors;
if(!(((((data25 === "f32") || (data25 === "f16")) || (data25 === "bf16")) || (data25 === "i32")) || (data25 === "bool"))){
validate11.errors = [{instancePath:instancePath+"/outputs/" + i2+"/dtype",schemaPath:"#/definitions/dtype/enum",keyword:"enum",params:{allowedValues: schema18.enum},message:"must be equal to one of the allowed values"}];
return false;
}
var valid8 = _errs48 === errors;
}
else {
var valid8 = true;
}
if(valid8){
if(data22.shape !== undefined){
const _errs50 = errors;
if(!(validate15(data22.shape, {instancePath:instancePath+"/outputs/" + i2+"/shape",parentData:data22,parentDataProperty:"shape",rootData}))){
vErrors = vErrors === null ? validate15.errors : vErrors.concat(validate15.errors);
errors = vErrors.length;
}
var valid8 = _errs50 === errors;
}
else {
var valid8 = true;
}
}
}
}
}
}
else {
validate11.errors = [{instancePath:instancePath+"/outputs/" + i2,schemaPath:"#/properties/outputs/items/type",keyword:"type",params:{type: "object"},message:"must be object"}];
return false;
}
}
var valid7 = _errs41 === errors;
if(!valid7){
break;
}
}
}
else {
validate11.errors = [{instancePath:instancePath+"/outputs",schemaPath:"#/properties/outputs/type",keyword:"type",params:{type: "array"},message:"must be array"}];
return false;
}
}
var valid0 = _errs39 === errors;
}
else {
var valid0 = true;
}
if(valid0){
if(data.states !== undefined){
let data27 = data.states;
const _errs51 = errors;
if(errors === _errs51){
if(Array.isArray(data27)){
var valid11 = true;
const len3 = data27.length;
for(let i3=0; i3<len3; i3++){
let data28 = data27[i3];
const _errs53 = errors;
if(errors === _errs53){
if(data28 && typeof data28 == "object" && !Array.isArray(data28)){
let missing5;
if((((data28.name === undefined) && (missing5 = "name")) || ((data28.dtype === undefined) && (missing5 = "dtype"))) || ((data28.shape === undefined) && (missing5 = "shape"))){
validate11.errors = [{instancePath:instancePath+"/states/" + i3,schemaPath:"#/properties/states/items/required",keyword:"required",params:{missingProperty: missing5},message:"must have required property '"+missing5+"'"}];
return false;
}
else {
if(data28.name !== undefined){
const _errs55 = errors;
if(typeof data28.name !== "string"){
validate11.errors = [{instancePath:instancePath+"/states/" + i3+"/name",schemaPath:"#/properties/states/items/properties/name/type",keyword:"type",params:{type: "string"},message:"must be string"}];
return false;
}
var valid12 = _errs55 === errors;
}
else {
var valid12 = true;
}
if(valid12){
if(data28.dtype !== undefined){
let data30 = data28.dtype;
const _errs57 = errors;
if(!(((((data30 === "f32") || (data30 === "f16")) || (data30 === "bf16")) || (data30 === "i32")) || (data30 === "bool"))){
validate11.errors = [{instancePath:instancePath+"/states/" + i3+"/dtype",schemaPath:"#/definitions/dtype/enum",keyword:"enum",params:{allowedValues: schema18.enum},message:"must be equal to one of the allowed values"}];
return false;
}
var valid12 = _errs57 === errors;
}
else {
var valid12 = true;
}
if(valid12){
if(data28.shape !== undefined){
const _errs59 = errors;
if(!(validate15(data28.shape, {instancePath:instancePath+"/states/" + i3+"/shape",parentData:data28,parentDataProperty:"shape",rootData}))){
vErrors = vErrors === null ? validate15.errors : vErrors.concat(validate15.errors);
errors = vErrors.length;
}
var valid12 = _errs59 === errors;
}
else {
var valid12 = true;
}
if(valid12){
if(data28.axis !== undefined){
let data32 = data28.axis;
const _errs60 = errors;
const _errs61 = errors;
if(!(((typeof data32 == "number") && (!(data32 % 1) && !isNaN(data32))) && (isFinite(data32)))){
validate11.errors = [{instancePath:instancePath+"/states/" + i3+"/axis",schemaPath:"#/definitions/count/type",keyword:"type",params:{type: "integer"},message:"must be integer"}];
return false;
}
if(errors === _errs61){
if((typeof data32 == "number") && (isFinite(data32))){
if(data32 < 0 || isNaN(data32)){
validate11.errors = [{instancePath:instancePath+"/states/" + i3+"/axis",schemaPath:"#/definitions/count/minimum",keyword:"minimum",params:{comparison: ">=", limit: 0},message:"must be >= 0"}];
return false;
}
}
}
var valid12 = _errs60 === errors;
}
else {
var valid12 = true;
}
}
}
}
}
}
else {
validate11.errors = [{instancePath:instancePath+"/states/" + i3,schemaPath:"#/properties/states/items/type",keyword:"type",params:{type: "object"},message:"must be object"}];
return false;
}
}
var valid11 = _errs53 === errors;
if(!valid11){
break;
}
}
}
else {
validate11.errors = [{instancePath:instancePath+"/states",schemaPath:"#/properties/states/type",keyword:"type",params:{type: "array"},message:"must be array"}];
return false;
}
}
var valid0 = _errs51 === errors;
}
else {
var valid0 = true;
}
if(valid0){
if(data.role !== undefined){
const _errs63 = errors;
if(typeof data.role !== "string"){
validate11.errors = [{instancePath:instancePath+"/role",schemaPath:"#/properties/role/type",keyword:"type",params:{type: "string"},message:"must be string"}];
return false;
}
var valid0 = _errs63 === errors;
}
else {
var valid0 = true;
}
if(valid0){
if(data.generation !== undefined){
let data34 = data.generation;
const _errs65 = errors;
if(errors === _errs65){
if(data34 && typeof data34 == "object" && !Array.isArray(data34)){
let missing6;
if((data34.eos === undefined) && (missing6 = "eos")){
validate11.errors = [{instancePath:instancePath+"/generation",schemaPath:"#/properties/generation/required",keyword:"required",params:{missingProperty: missing6},message:"must have required property '"+missing6+"'"}];
return false;
}
else {
if(data34.eos !== undefined){
const _errs67 = errors;
if(!(validate13(data34.eos, {instancePath:instancePath+"/generation/eos",parentData:data34,parentDataProperty:"eos",rootData}))){
vErrors = vErrors === null ? validate13.errors : vErrors.concat(validate13.errors);
errors = vErrors.length;
}
var valid15 = _errs67 === errors;
}
else {
var valid15 = true;
}
if(valid15){
if(data34.bos !== undefined){
let data36 = data34.bos;
const _errs68 = errors;
const _errs69 = errors;
if(!(((typeof data36 == "number") && (!(data36 % 1) && !isNaN(data36))) && (isFinite(data36)))){
validate11.errors = [{instancePath:instancePath+"/generation/bos",schemaPath:"#/definitions/count/type",keyword:"type",params:{type: "integer"},message:"must be integer"}];
return false;
}
if(errors === _errs69){
if((typeof data36 == "number") && (isFinite(data36))){
if(data36 < 0 || isNaN(data36)){
validate11.errors = [{instancePath:instancePath+"/generation/bos",schemaPath:"#/definitions/count/minimum",keyword:"minimum",params:{comparison: ">=", limit: 0},message:"must be >= 0"}];
return false;
}
}
}
var valid15 = _errs68 === errors;
}
else {
var valid15 = true;
}
if(valid15){
if(data34.pad !== undefined){
let data37 = data34.pad;
const _errs71 = errors;
const _errs72 = errors;
if(!(((typeof data37 == "number") && (!(data37 % 1) && !isNaN(data37))) && (isFinite(data37)))){
validate11.errors = [{instancePath:instancePath+"/generation/pad",schemaPath:"#/definitions/count/type",keyword:"type",params:{type: "integer"},message:"must be integer"}];
return false;
}
if(errors === _errs72){
if((typeof data37 == "number") && (isFinite(data37))){
if(data37 < 0 || isNaN(data37)){
validate11.errors = [{instancePath:instancePath+"/generation/pad",schemaPath:"#/definitions/count/minimum",keyword:"minimum",params:{comparison: ">=", limit: 0},message:"must be >= 0"}];
return false;
}
}
}
var valid15 = _errs71 === errors;
}
else {
var valid15 = true;
}
if(valid15){
if(data34.maxPositions !== undefined){
let data38 = data34.maxPositions;
const _errs74 = errors;
const _errs75 = errors;
if(!(((typeof data38 == "number") && (!(data38 % 1) && !isNaN(data38))) && (isFinite(data38)))){
validate11.errors = [{instancePath:instancePath+"/generation/maxPositions",schemaPath:"#/definitions/count/type",keyword:"type",params:{type: "integer"},message:"must be integer"}];
return false;
}
if(errors === _errs75){
if((typeof data38 == "number") && (isFinite(data38))){
if(data38 < 0 || isNaN(data38)){
validate11.errors = [{instancePath:instancePath+"/generation/maxPositions",schemaPath:"#/definitions/count/minimum",keyword:"minimum",params:{comparison: ">=", limit: 0},message:"must be >= 0"}];
return false;
}
}
}
var valid15 = _errs74 === errors;
}
else {
var valid15 = true;
}
if(valid15){
if(data34.start !== undefined){
let data39 = data34.start;
const _errs77 = errors;
if(errors === _errs77){
if(Array.isArray(data39)){
var valid19 = true;
const len4 = data39.length;
for(let i4=0; i4<len4; i4++){
let data40 = data39[i4];
const _errs79 = errors;
const _errs80 = errors;
let valid20 = false;
const _errs81 = errors;
const _errs82 = errors;
if(!(((typeof data40 == "number") && (!(data40 % 1) && !isNaN(data40))) && (isFinite(data40)))){
const err0 = {instancePath:instancePath+"/generation/start/" + i4,schemaPath:"#/definitions/count/type",keyword:"type",params:{type: "integer"},message:"must be integer"};
if(vErrors === null){
vErrors = [err0];
}
else {
vErrors.push(err0);
}
errors++;
}
if(errors === _errs82){
if((typeof data40 == "number") && (isFinite(data40))){
if(data40 < 0 || isNaN(data40)){
const err1 = {instancePath:instancePath+"/generation/start/" + i4,schemaPath:"#/definitions/count/minimum",keyword:"minimum",params:{comparison: ">=", limit: 0},message:"must be >= 0"};
if(vErrors === null){
vErrors = [err1];
}
else {
vErrors.push(err1);
}
errors++;
}
}
}
var _valid0 = _errs81 === errors;
valid20 = valid20 || _valid0;
if(!valid20){
const _errs84 = errors;
if(!(validate13(data40, {instancePath:instancePath+"/generation/start/" + i4,parentData:data39,parentDataProperty:i4,rootData}))){
vErrors = vErrors === null ? validate13.errors : vErrors.concat(validate13.errors);
errors = vErrors.length;
}
var _valid0 = _errs84 === errors;
valid20 = valid20 || _valid0;
}
if(!valid20){
const err2 = {instancePath:instancePath+"/generation/start/" + i4,schemaPath:"#/properties/generation/properties/start/items/anyOf",keyword:"anyOf",params:{},message:"must match a schema in anyOf"};
if(vErrors === null){
vErrors = [err2];
}
else {
vErrors.push(err2);
}
errors++;
validate11.errors = vErrors;
return false;
}
else {
errors = _errs80;
if(vErrors !== null){
if(_errs80){
vErrors.length = _errs80;
}
else {
vErrors = null;
}
}
}
var valid19 = _errs79 === errors;
if(!valid19){
break;
}
}
}
else {
validate11.errors = [{instancePath:instancePath+"/generation/start",schemaPath:"#/properties/generation/properties/start/type",keyword:"type",params:{type: "array"},message:"must be array"}];
return false;
}
}
var valid15 = _errs77 === errors;
}
else {
var valid15 = true;
}
if(valid15){
if(data34.first !== undefined){
let data41 = data34.first;
const _errs85 = errors;
const _errs86 = errors;
if(!(((typeof data41 == "number") && (!(data41 % 1) && !isNaN(data41))) && (isFinite(data41)))){
validate11.errors = [{instancePath:instancePath+"/generation/first",schemaPath:"#/definitions/count/type",keyword:"type",params:{type: "integer"},message:"must be integer"}];
return false;
}
if(errors === _errs86){
if((typeof data41 == "number") && (isFinite(data41))){
if(data41 < 0 || isNaN(data41)){
validate11.errors = [{instancePath:instancePath+"/generation/first",schemaPath:"#/definitions/count/minimum",keyword:"minimum",params:{comparison: ">=", limit: 0},message:"must be >= 0"}];
return false;
}
}
}
var valid15 = _errs85 === errors;
}
else {
var valid15 = true;
}
if(valid15){
if(data34.last !== undefined){
let data42 = data34.last;
const _errs88 = errors;
const _errs89 = errors;
if(!(((typeof data42 == "number") && (!(data42 % 1) && !isNaN(data42))) && (isFinite(data42)))){
validate11.errors = [{instancePath:instancePath+"/generation/last",schemaPath:"#/definitions/count/type",keyword:"type",params:{type: "integer"},message:"must be integer"}];
return false;
}
if(errors === _errs89){
if((typeof data42 == "number") && (isFinite(data42))){
if(data42 < 0 || isNaN(data42)){
validate11.errors = [{instancePath:instancePath+"/generation/last",schemaPath:"#/definitions/count/minimum",keyword:"minimum",params:{comparison: ">=", limit: 0},message:"must be >= 0"}];
return false;
}
}
}
var valid15 = _errs88 === errors;
}
else {
var valid15 = true;
}
if(valid15){
if(data34.barred !== undefined){
const _errs91 = errors;
if(!(validate13(data34.barred, {instancePath:instancePath+"/generation/barred",parentData:data34,parentDataProperty:"barred",rootData}))){
vErrors = vErrors === null ? validate13.errors : vErrors.concat(validate13.errors);
errors = vErrors.length;
}
var valid15 = _errs91 === errors;
}
else {
var valid15 = true;
}
if(valid15){
if(data34.barredFirst !== undefined){
const _errs92 = errors;
if(!(validate13(data34.barredFirst, {instancePath:instancePath+"/generation/barredFirst",parentData:data34,parentDataProperty:"barredFirst",rootData}))){
vErrors = vErrors === null ? validate13.errors : vErrors.concat(validate13.errors);
errors = vErrors.length;
}
var valid15 = _errs92 === errors;
}
else {
var valid15 = true;
}
if(valid15){
if(data34.barredSequences !== undefined){
let data45 = data34.barredSequences;
const _errs93 = errors;
if(errors === _errs93){
if(Array.isArray(data45)){
var valid24 = true;
const len5 = data45.length;
for(let i5=0; i5<len5; i5++){
const _errs95 = errors;
if(!(validate13(data45[i5], {instancePath:instancePath+"/generation/barredSequences/" + i5,parentData:data45,parentDataProperty:i5,rootData}))){
vErrors = vErrors === null ? validate13.errors : vErrors.concat(validate13.errors);
errors = vErrors.length;
}
var valid24 = _errs95 === errors;
if(!valid24){
break;
}
}
}
else {
validate11.errors = [{instancePath:instancePath+"/generation/barredSequences",schemaPath:"#/properties/generation/properties/barredSequences/type",keyword:"type",params:{type: "array"},message:"must be array"}];
return false;
}
}
var valid15 = _errs93 === errors;
}
else {
var valid15 = true;
}
if(valid15){
if(data34.noRepeat !== undefined){
let data47 = data34.noRepeat;
const _errs96 = errors;
const _errs97 = errors;
if(!(((typeof data47 == "number") && (!(data47 % 1) && !isNaN(data47))) && (isFinite(data47)))){
validate11.errors = [{instancePath:instancePath+"/generation/noRepeat",schemaPath:"#/definitions/count/type",keyword:"type",params:{type: "integer"},message:"must be integer"}];
return false;
}
if(errors === _errs97){
if((typeof data47 == "number") && (isFinite(data47))){
if(data47 < 0 || isNaN(data47)){
validate11.errors = [{instancePath:instancePath+"/generation/noRepeat",schemaPath:"#/definitions/count/minimum",keyword:"minimum",params:{comparison: ">=", limit: 0},message:"must be >= 0"}];
return false;
}
}
}
var valid15 = _errs96 === errors;
}
else {
var valid15 = true;
}
if(valid15){
if(data34.minLength !== undefined){
let data48 = data34.minLength;
const _errs99 = errors;
const _errs100 = errors;
if(!(((typeof data48 == "number") && (!(data48 % 1) && !isNaN(data48))) && (isFinite(data48)))){
validate11.errors = [{instancePath:instancePath+"/generation/minLength",schemaPath:"#/definitions/count/type",keyword:"type",params:{type: "integer"},message:"must be integer"}];
return false;
}
if(errors === _errs100){
if((typeof data48 == "number") && (isFinite(data48))){
if(data48 < 0 || isNaN(data48)){
validate11.errors = [{instancePath:instancePath+"/generation/minLength",schemaPath:"#/definitions/count/minimum",keyword:"minimum",params:{comparison: ">=", limit: 0},message:"must be >= 0"}];
return false;
}
}
}
var valid15 = _errs99 === errors;
}
else {
var valid15 = true;
}
if(valid15){
if(data34.minNew !== undefined){
let data49 = data34.minNew;
const _errs102 = errors;
const _errs103 = errors;
if(!(((typeof data49 == "number") && (!(data49 % 1) && !isNaN(data49))) && (isFinite(data49)))){
validate11.errors = [{instancePath:instancePath+"/generation/minNew",schemaPath:"#/definitions/count/type",keyword:"type",params:{type: "integer"},message:"must be integer"}];
return false;
}
if(errors === _errs103){
if((typeof data49 == "number") && (isFinite(data49))){
if(data49 < 0 || isNaN(data49)){
validate11.errors = [{instancePath:instancePath+"/generation/minNew",schemaPath:"#/definitions/count/minimum",keyword:"minimum",params:{comparison: ">=", limit: 0},message:"must be >= 0"}];
return false;
}
}
}
var valid15 = _errs102 === errors;
}
else {
var valid15 = true;
}
if(valid15){
if(data34.repetitionPenalty !== undefined){
let data50 = data34.repetitionPenalty;
const _errs105 = errors;
if(!((typeof data50 == "number") && (isFinite(data50)))){
validate11.errors = [{instancePath:instancePath+"/generation/repetitionPenalty",schemaPath:"#/properties/generation/properties/repetitionPenalty/type",keyword:"type",params:{type: "number"},message:"must be number"}];
return false;
}
var valid15 = _errs105 === errors;
}
else {
var valid15 = true;
}
if(valid15){
if(data34.topK !== undefined){
let data51 = data34.topK;
const _errs107 = errors;
const _errs108 = errors;
if(!(((typeof data51 == "number") && (!(data51 % 1) && !isNaN(data51))) && (isFinite(data51)))){
validate11.errors = [{instancePath:instancePath+"/generation/topK",schemaPath:"#/definitions/count/type",keyword:"type",params:{type: "integer"},message:"must be integer"}];
return false;
}
if(errors === _errs108){
if((typeof data51 == "number") && (isFinite(data51))){
if(data51 < 0 || isNaN(data51)){
validate11.errors = [{instancePath:instancePath+"/generation/topK",schemaPath:"#/definitions/count/minimum",keyword:"minimum",params:{comparison: ">=", limit: 0},message:"must be >= 0"}];
return false;
}
}
}
var valid15 = _errs107 === errors;
}
else {
var valid15 = true;
}
if(valid15){
if(data34.topP !== undefined){
let data52 = data34.topP;
const _errs110 = errors;
if(!((typeof data52 == "number") && (isFinite(data52)))){
validate11.errors = [{instancePath:instancePath+"/generation/topP",schemaPath:"#/properties/generation/properties/topP/type",keyword:"type",params:{type: "number"},message:"must be number"}];
return false;
}
var valid15 = _errs110 === errors;
}
else {
var valid15 = true;
}
if(valid15){
if(data34.minP !== undefined){
let data53 = data34.minP;
const _errs112 = errors;
if(!((typeof data53 == "number") && (isFinite(data53)))){
validate11.errors = [{instancePath:instancePath+"/generation/minP",schemaPath:"#/properties/generation/properties/minP/type",keyword:"type",params:{type: "number"},message:"must be number"}];
return false;
}
var valid15 = _errs112 === errors;
}
else {
var valid15 = true;
}
if(valid15){
if(data34.remarks !== undefined){
let data54 = data34.remarks;
const _errs114 = errors;
if(errors === _errs114){
if(Array.isArray(data54)){
var valid29 = true;
const len6 = data54.length;
for(let i6=0; i6<len6; i6++){
const _errs116 = errors;
if(typeof data54[i6] !== "string"){
validate11.errors = [{instancePath:instancePath+"/generation/remarks/" + i6,schemaPath:"#/properties/generation/properties/remarks/items/type",keyword:"type",params:{type: "string"},message:"must be string"}];
return false;
}
var valid29 = _errs116 === errors;
if(!valid29){
break;
}
}
}
else {
validate11.errors = [{instancePath:instancePath+"/generation/remarks",schemaPath:"#/properties/generation/properties/remarks/type",keyword:"type",params:{type: "array"},message:"must be array"}];
return false;
}
}
var valid15 = _errs114 === errors;
}
else {
var valid15 = true;
}
}
}
}
}
}
}
}
}
}
}
}
}
}
}
}
}
}
}
}
else {
validate11.errors = [{instancePath:instancePath+"/generation",schemaPath:"#/properties/generation/type",keyword:"type",params:{type: "object"},message:"must be object"}];
return false;
}
}
var valid0 = _errs65 === errors;
}
else {
var valid0 = true;
}
if(valid0){
if(data.programs !== undefined){
let data56 = data.programs;
const _errs118 = errors;
if(errors === _errs118){
if(data56 && typeof data56 == "object" && !Array.isArray(data56)){
if(data56.webgpu !== undefined){
const _errs120 = errors;
if(!(validate31(data56.webgpu, {instancePath:instancePath+"/programs/webgpu",parentData:data56,parentDataProperty:"webgpu",rootData}))){
vErrors = vErrors === null ? validate31.errors : vErrors.concat(validate31.errors);
errors = vErrors.length;
}
var valid30 = _errs120 === errors;
}
else {
var valid30 = true;
}
if(valid30){
if(data56.cpu !== undefined){
const _errs121 = errors;
if(!(validate31(data56.cpu, {instancePath:instancePath+"/programs/cpu",parentData:data56,parentDataProperty:"cpu",rootData}))){
vErrors = vErrors === null ? validate31.errors : vErrors.concat(validate31.errors);
errors = vErrors.length;
}
var valid30 = _errs121 === errors;
}
else {
var valid30 = true;
}
}
}
else {
validate11.errors = [{instancePath:instancePath+"/programs",schemaPath:"#/properties/programs/type",keyword:"type",params:{type: "object"},message:"must be object"}];
return false;
}
}
var valid0 = _errs118 === errors;
}
else {
var valid0 = true;
}
}
}
}
}
}
}
}
}
}
else {
validate11.errors = [{instancePath,schemaPath:"#/type",keyword:"type",params:{type: "object"},message:"must be object"}];
return false;
}
}
validate11.errors = vErrors;
return errors === 0;
}


function validate10(data, {instancePath="", parentData, parentDataProperty, rootData=data}={}){
let vErrors = null;
let errors = 0;
if(errors === 0){
if(data && typeof data == "object" && !Array.isArray(data)){
let missing0;
if(((((data.version === undefined) && (missing0 = "version")) || ((data.compiler === undefined) && (missing0 = "compiler"))) || ((data.models === undefined) && (missing0 = "models"))) || ((data.sources === undefined) && (missing0 = "sources"))){
validate10.errors = [{instancePath,schemaPath:"#/required",keyword:"required",params:{missingProperty: missing0},message:"must have required property '"+missing0+"'"}];
return false;
}
else {
if(data.version !== undefined){
let data0 = data.version;
const _errs1 = errors;
if(!(((typeof data0 == "number") && (!(data0 % 1) && !isNaN(data0))) && (isFinite(data0)))){
validate10.errors = [{instancePath:instancePath+"/version",schemaPath:"#/properties/version/type",keyword:"type",params:{type: "integer"},message:"must be integer"}];
return false;
}
if(!(data0 === 1)){
validate10.errors = [{instancePath:instancePath+"/version",schemaPath:"#/properties/version/enum",keyword:"enum",params:{allowedValues: schema11.properties.version.enum},message:"must be equal to one of the allowed values"}];
return false;
}
var valid0 = _errs1 === errors;
}
else {
var valid0 = true;
}
if(valid0){
if(data.compiler !== undefined){
const _errs3 = errors;
if(typeof data.compiler !== "string"){
validate10.errors = [{instancePath:instancePath+"/compiler",schemaPath:"#/properties/compiler/type",keyword:"type",params:{type: "string"},message:"must be string"}];
return false;
}
var valid0 = _errs3 === errors;
}
else {
var valid0 = true;
}
if(valid0){
if(data.models !== undefined){
let data2 = data.models;
const _errs5 = errors;
if(errors === _errs5){
if(data2 && typeof data2 == "object" && !Array.isArray(data2)){
for(const key0 in data2){
const _errs8 = errors;
if(!(validate11(data2[key0], {instancePath:instancePath+"/models/" + key0.replace(/~/g, "~0").replace(/\//g, "~1"),parentData:data2,parentDataProperty:key0,rootData}))){
vErrors = vErrors === null ? validate11.errors : vErrors.concat(validate11.errors);
errors = vErrors.length;
}
var valid1 = _errs8 === errors;
if(!valid1){
break;
}
}
}
else {
validate10.errors = [{instancePath:instancePath+"/models",schemaPath:"#/properties/models/type",keyword:"type",params:{type: "object"},message:"must be object"}];
return false;
}
}
var valid0 = _errs5 === errors;
}
else {
var valid0 = true;
}
if(valid0){
if(data.sources !== undefined){
let data4 = data.sources;
const _errs9 = errors;
if(errors === _errs9){
if(data4 && typeof data4 == "object" && !Array.isArray(data4)){
for(const key1 in data4){
let data5 = data4[key1];
const _errs12 = errors;
const _errs13 = errors;
if(errors === _errs13){
if(data5 && typeof data5 == "object" && !Array.isArray(data5)){
let missing1;
if(((((data5.path === undefined) && (missing1 = "path")) || ((data5.kind === undefined) && (missing1 = "kind"))) || ((data5.files === undefined) && (missing1 = "files"))) || ((data5.tokenizer === undefined) && (missing1 = "tokenizer"))){
validate10.errors = [{instancePath:instancePath+"/sources/" + key1.replace(/~/g, "~0").replace(/\//g, "~1"),schemaPath:"#/definitions/source/required",keyword:"required",params:{missingProperty: missing1},message:"must have required property '"+missing1+"'"}];
return false;
}
else {
if(data5.path !== undefined){
const _errs15 = errors;
if(typeof data5.path !== "string"){
validate10.errors = [{instancePath:instancePath+"/sources/" + key1.replace(/~/g, "~0").replace(/\//g, "~1")+"/path",schemaPath:"#/definitions/source/properties/path/type",keyword:"type",params:{type: "string"},message:"must be string"}];
return false;
}
var valid4 = _errs15 === errors;
}
else {
var valid4 = true;
}
if(valid4){
if(data5.kind !== undefined){
let data7 = data5.kind;
const _errs17 = errors;
if(!((data7 === "base") || (data7 === "adapter"))){
validate10.errors = [{instancePath:instancePath+"/sources/" + key1.replace(/~/g, "~0").replace(/\//g, "~1")+"/kind",schemaPath:"#/definitions/source/properties/kind/enum",keyword:"enum",params:{allowedValues: schema40.properties.kind.enum},message:"must be equal to one of the allowed values"}];
return false;
}
var valid4 = _errs17 === errors;
}
else {
var valid4 = true;
}
if(valid4){
if(data5.tokenizer !== undefined){
const _errs18 = errors;
if(typeof data5.tokenizer !== "boolean"){
validate10.errors = [{instancePath:instancePath+"/sources/" + key1.replace(/~/g, "~0").replace(/\//g, "~1")+"/tokenizer",schemaPath:"#/definitions/source/properties/tokenizer/type",keyword:"type",params:{type: "boolean"},message:"must be boolean"}];
return false;
}
var valid4 = _errs18 === errors;
}
else {
var valid4 = true;
}
if(valid4){
if(data5.files !== undefined){
let data9 = data5.files;
const _errs20 = errors;
if(errors === _errs20){
if(Array.isArray(data9)){
var valid5 = true;
const len0 = data9.length;
for(let i0=0; i0<len0; i0++){
let data10 = data9[i0];
const _errs22 = errors;
if(errors === _errs22){
if(data10 && typeof data10 == "object" && !Array.isArray(data10)){
let missing2;
if(((data10.file === undefined) && (missing2 = "file")) || ((data10.headerHash === undefined) && (missing2 = "headerHash"))){
validate10.errors = [{instancePath:instancePath+"/sources/" + key1.replace(/~/g, "~0").replace(/\//g, "~1")+"/files/" + i0,schemaPath:"#/definitions/source/properties/files/items/required",keyword:"required",params:{missingProperty: missing2},message:"must have required property '"+missing2+"'"}];
return false;
}
else {
if(data10.file !== undefined){
const _errs24 = errors;
if(typeof data10.file !== "string"){
validate10.errors = [{instancePath:instancePath+"/sources/" + key1.replace(/~/g, "~0").replace(/\//g, "~1")+"/files/" + i0+"/file",schemaPath:"#/definitions/source/properties/files/items/properties/file/type",keyword:"type",params:{type: "string"},message:"must be string"}];
return false;
}
var valid6 = _errs24 === errors;
}
else {
var valid6 = true;
}
if(valid6){
if(data10.headerHash !== undefined){
const _errs26 = errors;
if(typeof data10.headerHash !== "string"){
validate10.errors = [{instancePath:instancePath+"/sources/" + key1.replace(/~/g, "~0").replace(/\//g, "~1")+"/files/" + i0+"/headerHash",schemaPath:"#/definitions/source/properties/files/items/properties/headerHash/type",keyword:"type",params:{type: "string"},message:"must be string"}];
return false;
}
var valid6 = _errs26 === errors;
}
else {
var valid6 = true;
}
}
}
}
else {
validate10.errors = [{instancePath:instancePath+"/sources/" + key1.replace(/~/g, "~0").replace(/\//g, "~1")+"/files/" + i0,schemaPath:"#/definitions/source/properties/files/items/type",keyword:"type",params:{type: "object"},message:"must be object"}];
return false;
}
}
var valid5 = _errs22 === errors;
if(!valid5){
break;
}
}
}
else {
validate10.errors = [{instancePath:instancePath+"/sources/" + key1.replace(/~/g, "~0").replace(/\//g, "~1")+"/files",schemaPath:"#/definitions/source/properties/files/type",keyword:"type",params:{type: "array"},message:"must be array"}];
return false;
}
}
var valid4 = _errs20 === errors;
}
else {
var valid4 = true;
}
}
}
}
}
}
else {
validate10.errors = [{instancePath:instancePath+"/sources/" + key1.replace(/~/g, "~0").replace(/\//g, "~1"),schemaPath:"#/definitions/source/type",keyword:"type",params:{type: "object"},message:"must be object"}];
return false;
}
}
var valid2 = _errs12 === errors;
if(!valid2){
break;
}
}
}
else {
validate10.errors = [{instancePath:instancePath+"/sources",schemaPath:"#/properties/sources/type",keyword:"type",params:{type: "object"},message:"must be object"}];
return false;
}
}
var valid0 = _errs9 === errors;
}
else {
var valid0 = true;
}
}
}
}
}
}
else {
validate10.errors = [{instancePath,schemaPath:"#/type",keyword:"type",params:{type: "object"},message:"must be object"}];
return false;
}
}
validate10.errors = vErrors;
return errors === 0;
}
